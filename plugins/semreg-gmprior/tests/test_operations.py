"""Codes perturbed as widely as the mixture of their class is: in distribution, in gradients, and in evaluations."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_gmprior.operations import perturb
from semreg_gmprior.prior import GaussianMixture

from semreg.components.priors import StandardNormal


def mixture(seed: int, classes: int = 3, size: int = 4) -> GaussianMixture:
    prior = GaussianMixture(classes=classes, size=size)
    with torch.no_grad():
        prior.log_variances.copy_(torch.randn(classes, size, generator=torch.Generator().manual_seed(seed)))
    return prior


@settings(max_examples=40)
@given(seed=st.integers(0, 2**31), rows=st.integers(0, 7), scale=st.floats(0, 3))
def test_it_adds_the_deviations_of_the_class_times_the_noise(seed: int, rows: int, scale: float) -> None:
    prior, generator = mixture(seed), torch.Generator().manual_seed(seed)
    codes, labels = torch.randn(rows, 4, generator=generator), torch.randint(3, (rows,), generator=generator)
    found = perturb(codes, labels, prior, scale=scale, generator=torch.Generator().manual_seed(7))
    noise = torch.randn(rows, 4, generator=torch.Generator().manual_seed(7)).double()
    expected = codes.double() + scale * (prior.log_variances.detach().double()[labels] / 2).exp() * noise
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(perturb(codes, labels, prior, scale=0.0), codes)
    assert torch.equal(perturb.in_evaluation(codes, labels, prior), codes)  # type: ignore[attr-defined]


def test_variances_below_the_floor_count_as_the_floor() -> None:
    prior = GaussianMixture(classes=1, size=2, variance_floor=4.0)
    labels = torch.zeros(20_000, dtype=torch.int64)
    found = perturb(torch.zeros(len(labels), 2), labels, prior, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.std(0), torch.full((2,), 2.0), atol=0.05, rtol=0)


def test_gradients_flow_to_the_codes_alone() -> None:
    prior, codes = mixture(0), torch.randn(5, 4, requires_grad=True)
    perturb(codes, torch.arange(5) % 3, prior).sum().backward()
    assert codes.grad is not None
    assert torch.equal(codes.grad, torch.ones(5, 4))
    assert prior.log_variances.grad is None


def test_what_does_not_fit_is_refused() -> None:
    prior, labels = mixture(0), torch.tensor([0, 1])
    with pytest.raises(ValueError, match="needs a gaussian_mixture as its prior, found a StandardNormal"):
        perturb(torch.zeros(2, 4), labels, StandardNormal(size=4))  # type: ignore[arg-type]
    for operation in (perturb, perturb.in_evaluation):  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match=r'expects "batch 4, batch", found \(2, 3\), \(2,\): the prior'):
            operation(torch.zeros(2, 3), labels, prior)
        with pytest.raises(ValueError, match="there are 3 classes, 0 to 2; found labels from 0 to 3"):
            operation(torch.zeros(2, 4), torch.tensor([0, 3]), prior)
