"""Mixtures, tails, flows and full covariances against slow references; what does not fit is refused."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_priors import (
    Factorised,
    FlowPrior,
    GeneralisedNormal,
    Laplace,
    MixtureOfGaussians,
    StudentT,
    flow_posterior,
    full_covariance_gaussian,
)
from torch import Tensor, distributions

from semreg.components.losses import kl_divergence, kl_estimate
from semreg.components.operations import posterior_mean, sample
from semreg.core import DiagonalGaussian

seeds = st.integers(0, 2**31)


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moved(prior: torch.nn.Module, seed: int) -> torch.nn.Module:
    """A prior in float64 whose parameters are elsewhere than at their start."""
    prior.double()
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=source(seed), dtype=torch.float64))
    return prior


@settings(max_examples=20, deadline=None)
@given(seed=seeds, rows=st.integers(0, 5), size=st.integers(1, 4), components=st.integers(1, 4))
def test_mixtures_are_what_loops_give(seed: int, rows: int, size: int, components: int) -> None:
    codes = torch.randn(rows, size, generator=source(seed), dtype=torch.float64)
    whole = moved(MixtureOfGaussians(size=size, components=components), seed)
    apart = moved(Factorised(size=size, components=components), seed)
    for row, code in enumerate(codes):
        total, product = 0.0, 1.0
        for k in range(components):
            normal = distributions.Normal(whole.means[k], (whole.log_variances[k] / 2).exp())
            total += (whole.logits.softmax(0)[k] * normal.log_prob(code).exp().prod()).item()
        for j in range(size):
            normal = distributions.Normal(apart.means[j], (apart.log_variances[j] / 2).exp())
            product *= (apart.logits[j].softmax(0) * normal.log_prob(code[j]).exp()).sum().item()
        assert whole.log_probability(codes)[row].item() == pytest.approx(math.log(total))
        assert apart.log_probability(codes)[row].item() == pytest.approx(math.log(product))


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


@settings(max_examples=4, deadline=None)
@given(seed=seeds, transformation=st.sampled_from(["spline", "affine"]), coupling=st.booleans())
def test_a_flow_s_density_integrates_to_one_in_two_dimensions(seed: int, transformation: str, coupling: bool) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        prior = FlowPrior(size=2, transformation=transformation, transforms=2, hidden=(8,), coupling=coupling)  # type: ignore[arg-type]
    prior.double()
    axis = torch.linspace(-8, 8, 257, dtype=torch.float64)
    with torch.no_grad():
        density = prior.log_probability(torch.cartesian_prod(axis, axis)).exp()
        draws = prior.sample(50, generator=source(seed))
        back, _ = prior.transform(None).call_and_ladj(draws)
    assert float(density.sum() * (axis[1] - axis[0]) ** 2) == pytest.approx(1, abs=0.02)
    expected = torch.randn(50, 2, generator=source(seed)).double()
    torch.testing.assert_close(back, expected, rtol=1e-6, atol=1e-6)


def test_a_flow_with_classes_is_their_mean_without_a_label() -> None:
    prior = moved(FlowPrior(size=3, transforms=1, hidden=(8,), bins=4, classes=2), 0)
    codes = torch.randn(4, 3, generator=source(0), dtype=torch.float64)
    own = [prior.log_probability(codes, torch.full((4,), label)).exp() for label in range(2)]
    torch.testing.assert_close(prior.log_probability(codes).exp(), sum(own) / 2)
    with pytest.raises(ValueError, match="there are 2 classes"):
        prior.log_probability(codes, torch.full((4,), 2))
    with pytest.raises(ValueError, match="takes one label, the class; found 2"):
        prior.sample(4, torch.zeros(4).long(), torch.zeros(4).long())


def test_a_flow_of_one_dimension_takes_no_coupling() -> None:
    with pytest.raises(ValueError, match=r"needs a code of 2 elements or more.*size is 1: coupling = false"):
        FlowPrior(size=1)
    prior = moved(FlowPrior(size=1, coupling=False, transforms=2), 0)
    axis = torch.linspace(-12, 12, 2001, dtype=torch.float64)[:, None]
    assert prior.log_probability(axis).exp().sum().item() * 24 / 2000 == pytest.approx(1, abs=1e-3)


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
def test_a_flow_posterior_s_density_is_the_base_s_over_the_determinant(transformation: str) -> None:
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
