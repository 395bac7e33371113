"""The covariances of codes, beside those of NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_vae.dip import dip_regularizer

from semreg.core import DiagonalGaussian

seeds = st.integers(0, 2**31)
forms = st.sampled_from(["I", "II"])


def posterior_of(seed: int, rows: int, code: int = 3) -> DiagonalGaussian:
    return DiagonalGaussian(
        *torch.randn(2, rows, code, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    )


@given(seed=seeds, rows=st.integers(2, 12), code=st.integers(1, 4), form=forms, diagonal=st.floats(0, 20))
def test_it_is_the_papers_formula(seed: int, rows: int, code: int, form: str, diagonal: float) -> None:
    posterior = posterior_of(seed, rows, code)
    covariance = np.cov(posterior.mean.numpy(), rowvar=False, bias=True).reshape(code, code)
    if form == "II":
        covariance = covariance + np.diag(posterior.log_variance.exp().mean(0).numpy())
    expected = sum(
        (covariance[i, j] - 1) ** 2 * diagonal if i == j else covariance[i, j] ** 2
        for i in range(code)
        for j in range(code)
    )
    found = dip_regularizer(posterior, form=form, diagonal=diagonal)  # type: ignore[arg-type]
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(seed=seeds, rows=st.integers(4, 12), form=forms)
def test_codes_of_the_identitys_covariance_have_no_loss(seed: int, rows: int, form: str) -> None:
    means = posterior_of(seed, rows).mean
    means = torch.linalg.qr(means - means.mean(0)).Q * rows**0.5  # uncorrelated, of variance 1
    share = 0.0 if form == "I" else 0.25
    posterior = DiagonalGaussian((1 - share) ** 0.5 * means, torch.full_like(means, share).log())
    assert float(dip_regularizer(posterior, form=form)) == pytest.approx(0, abs=1e-12)  # type: ignore[arg-type]


@given(seed=seeds, form=forms, shift=st.floats(-5, 5))
def test_where_the_codes_are_and_the_signs_of_dimensions_change_nothing(seed: int, form: str, shift: float) -> None:
    mean, log_variance = posterior_of(seed, 8)
    other = DiagonalGaussian((mean + shift) * torch.tensor([1.0, -1.0, 1.0]), log_variance)
    one, two = (dip_regularizer(p, form=form) for p in (DiagonalGaussian(mean, log_variance), other))  # type: ignore[arg-type]
    torch.testing.assert_close(one, two)


def test_an_unknown_form_is_told() -> None:
    with pytest.raises(ValueError, match="'I' or 'II', found '2'"):
        dip_regularizer(posterior_of(0, 3), form="2")  # type: ignore[arg-type]
