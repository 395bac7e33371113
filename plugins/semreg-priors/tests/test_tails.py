"""Priors with other tails than a normal distribution's, against those of PyTorch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_priors import (
    GeneralisedNormal,
    Laplace,
    StudentT,
)
from torch import distributions

from semreg.components.losses import kl_divergence, kl_estimate
from semreg.components.operations import sample
from semreg.core import DiagonalGaussian

seeds = st.integers(0, 2**31)


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, scale=st.floats(0.3, 3), parameter=st.floats(1, 8))
def test_tails_have_the_densities_of_others(seed: int, scale: float, parameter: float) -> None:
    codes = 2 * torch.randn(4, 3, generator=source(seed), dtype=torch.float64)
    none, wide, degrees = torch.tensor([0, scale, parameter], dtype=torch.float64)
    laplace = Laplace(size=3, scale=scale).double().log_probability(codes)
    torch.testing.assert_close(laplace, distributions.Laplace(none, wide).log_prob(codes).sum(1))
    ours = StudentT(size=3, degrees=parameter, scale=scale).double().log_probability(codes)
    torch.testing.assert_close(ours, distributions.StudentT(degrees, none, wide).log_prob(codes).sum(1))
    same = GeneralisedNormal(size=3, power=1.0, scale=scale).double().log_probability(codes)
    torch.testing.assert_close(same, laplace)
    normal = GeneralisedNormal(size=3, power=2.0, scale=scale).double().log_probability(codes)
    torch.testing.assert_close(normal, distributions.Normal(none, wide / 2**0.5).log_prob(codes).sum(1))


@settings(max_examples=10, deadline=None)
@given(seed=seeds, scale=st.floats(0.3, 3))
def test_the_divergence_from_laplace_is_the_mean_of_log_ratios(seed: int, scale: float) -> None:
    mean, log_variance = torch.randn(2, 1, 3, generator=source(seed), dtype=torch.float64)
    posterior = DiagonalGaussian(mean.expand(20_000, -1), log_variance.expand(20_000, -1))
    prior = Laplace(size=3, scale=scale).double()
    draws = sample(posterior, generator=source(seed))
    own = distributions.Normal(posterior.mean, (posterior.log_variance / 2).exp()).log_prob(draws).sum(1)
    ratios = own - prior.log_probability(draws)
    exact = float(kl_divergence(posterior, prior, reduction="sum"))
    assert abs(float(ratios.mean()) - exact) < 5 * float(ratios.std()) / 20_000**0.5
    assert exact >= 0
    assert float(kl_estimate(draws, posterior, prior)) == pytest.approx(float(ratios.mean()) / 3)
