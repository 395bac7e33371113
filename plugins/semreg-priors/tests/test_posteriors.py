"""Posteriors with covariances and those that a flow bends, against slow references."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_priors import (
    FlowPrior,
    Laplace,
    MixtureOfGaussians,
    flow_posterior,
    full_covariance_gaussian,
)
from torch import Tensor, distributions

from semreg.components.losses import kl_estimate
from semreg.components.operations import posterior_mean, sample
from semreg.core import DiagonalGaussian

seeds = st.integers(0, 2**31)


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, rows=st.integers(0, 4), size=st.integers(1, 5))
def test_a_full_covariance_has_the_density_of_another(seed: int, rows: int, size: int) -> None:
    features = torch.randn(rows, size * (size + 3) // 2, generator=source(seed), dtype=torch.float64)
    posterior = full_covariance_gaussian(features)
    codes = sample(posterior, generator=source(seed))
    assert torch.equal(posterior_mean(posterior), features[:, :size])
    if rows:
        other = distributions.MultivariateNormal(posterior.mean, scale_tril=posterior.factor)
        torch.testing.assert_close(posterior.log_density(codes), other.log_prob(codes))


@pytest.mark.parametrize("transformation", ["spline", "affine"])
def test_a_flow_posterior_s_density_is_the_base_s_over_the_determinant(transformation: str, moved: Any) -> None:
    flow = moved(FlowPrior(size=3, transformation=transformation, transforms=2, hidden=(8,)), 0)  # type: ignore[arg-type]
    base = DiagonalGaussian(*torch.randn(2, 2, 3, generator=source(0), dtype=torch.float64))
    posterior = flow_posterior(base, flow)
    draws = sample(posterior, generator=source(1))
    noise = sample(base, generator=source(1))
    own = distributions.Normal(base.mean, (base.log_variance / 2).exp()).log_prob(noise).sum(1)
    for row in range(2):
        slopes = torch.autograd.functional.jacobian(lambda one: flow.from_noise(one[None])[0], noise[row])
        expected = own[row] - slopes.slogdet().logabsdet
        torch.testing.assert_close(posterior.log_density(draws)[row], expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(posterior_mean(posterior), flow.from_noise(base.mean))
    loss = kl_estimate(draws, posterior, MixtureOfGaussians(size=3).double())
    slopes = torch.autograd.grad(loss, [*flow.parameters()])
    assert all(slope.isfinite().all() for slope in slopes)
    assert sum(float(slope.abs().sum()) for slope in slopes) > 0


def test_what_a_flow_posterior_cannot_take_is_told() -> None:
    base = DiagonalGaussian(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="needs a flow; found a Laplace"):
        flow_posterior(base, Laplace(size=3))
    with pytest.raises(ValueError, match="needs a flow without classes"):
        flow_posterior(base, FlowPrior(size=3, classes=2))
    with pytest.raises(ValueError, match="its size is 4"):
        flow_posterior(base, FlowPrior(size=4))


def test_a_full_covariance_s_draws_have_it_and_gradients_are_right() -> None:
    features = torch.randn(1, 9, generator=source(0), dtype=torch.float64)
    one = full_covariance_gaussian(features)
    draws = sample(full_covariance_gaussian(features.expand(50_000, -1)), generator=source(0))
    torch.testing.assert_close(draws.T.cov(), (one.factor @ one.factor.mT)[0], rtol=0.05, atol=0.05)
    prior = MixtureOfGaussians(size=3).double()

    def bound(features: Tensor) -> Tensor:
        posterior = full_covariance_gaussian(features)
        return kl_estimate(sample(posterior, generator=source(1)), posterior, prior)

    assert torch.autograd.gradcheck(bound, features.expand(3, -1).clone().requires_grad_())
    with pytest.raises(ValueError, match="2, 5, 9, 14, 20"):
        full_covariance_gaussian(torch.zeros(2, 8))
