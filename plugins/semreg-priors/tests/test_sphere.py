"""The uniform prior on the sphere and power-spherical posteriors, against Monte Carlo and slow references."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_priors import PowerSpherical, UniformOnSphere, power_spherical
from semreg_priors.functional import power_spherical_kl, sphere_log_area, unit
from torch import Tensor

from semreg.components.losses import kl_divergence, kl_estimate
from semreg.components.operations import posterior_mean, sample
from semreg.core import DiagonalGaussian
from semreg.testing.behaviour import check_waits

DRAWS = 20_000


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def posterior_of(seed: int, size: int, concentration: float, rows: int = 1) -> PowerSpherical:
    direction = unit(torch.randn(rows, size, dtype=torch.float64, generator=source(seed)))
    return PowerSpherical(direction, torch.full((rows,), concentration, dtype=torch.float64))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31), size=st.integers(2, 12), concentration=st.floats(0.5, 60))
def test_the_divergence_is_the_mean_of_log_ratios_of_draws(seed: int, size: int, concentration: float) -> None:
    whole = PowerSpherical(*(part.expand(DRAWS, *part.shape[1:]) for part in posterior_of(seed, size, concentration)))
    draws = whole.draw(generator=source(seed))
    torch.testing.assert_close(draws.square().sum(1), torch.ones(DRAWS, dtype=torch.float64))
    ratios = whole.log_density(draws) + sphere_log_area(size)
    exact = float(power_spherical_kl(whole.concentration[:1], size))
    assert abs(float(ratios.mean()) - exact) < 5 * float(ratios.std()) / DRAWS**0.5
    assert exact >= 0
    # the mean of the cosine with the direction is that of a beta distribution: (α − β) / (α + β)
    cosines = (draws * whole.direction).sum(1)
    expected = concentration / (size - 1 + concentration)
    assert abs(float(cosines.mean()) - expected) < 5 * float(cosines.std()) / DRAWS**0.5


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31), concentration=st.floats(0, 200))
def test_the_density_on_a_circle_integrates_to_one(seed: int, concentration: float) -> None:
    angles = torch.linspace(0, 2 * math.pi, 20_001, dtype=torch.float64)[:-1]
    points = torch.stack([angles.cos(), angles.sin()], 1)
    one = posterior_of(seed, 2, concentration)
    whole = PowerSpherical(one.direction.expand(len(points), -1), one.concentration.expand(len(points)))
    assert float(whole.log_density(points).exp().mean() * 2 * math.pi) == pytest.approx(1, abs=1e-4)


def test_the_prior_is_uniform_and_its_density_one_over_the_area() -> None:
    prior = UniformOnSphere(size=3)
    draws = prior.sample(DRAWS, generator=source(0))
    torch.testing.assert_close(draws.norm(dim=1), torch.ones(DRAWS))
    torch.testing.assert_close(draws.mean(0), torch.zeros(3), rtol=0, atol=0.03)
    torch.testing.assert_close(draws.T.cov(), torch.eye(3) / 3, rtol=0, atol=0.02)
    torch.testing.assert_close(prior.log_probability(draws[:2]), torch.full((2,), -math.log(4 * math.pi)))


def test_a_posterior_without_concentration_is_the_prior() -> None:
    posterior = posterior_of(0, 5, 0.0)
    assert float(power_spherical_kl(posterior.concentration, 5)) == pytest.approx(0, abs=1e-12)
    density = UniformOnSphere(size=5).double().log_probability(posterior.direction)
    torch.testing.assert_close(posterior.log_density(-posterior.direction), density)


def test_the_elements_add_up_to_the_divergence_and_gradients_are_right() -> None:
    features = torch.randn(4, 6, dtype=torch.float64, generator=source(1), requires_grad=True)
    prior = UniformOnSphere(size=5).double()
    posterior = power_spherical(features.detach())
    whole = float(power_spherical_kl(posterior.concentration, 5).mean())
    assert float(kl_divergence(posterior, prior, reduction="sum")) == pytest.approx(whole)
    assert torch.autograd.gradcheck(lambda f: kl_divergence(power_spherical(f), prior), features)

    def density(features: Tensor) -> Tensor:
        return power_spherical(features).log_density(prior.sample(4, generator=source(2)))

    assert torch.autograd.gradcheck(density, features)


def test_gradients_of_means_over_draws_are_right() -> None:
    concentration = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    direction = unit(torch.ones(1, 4, dtype=torch.float64)).expand(4 * DRAWS, -1)
    draws = PowerSpherical(direction, concentration.expand(4 * DRAWS)).draw(generator=source(0))
    [slope] = torch.autograd.grad((draws * direction).sum(1).mean(), concentration)
    assert float(slope) == pytest.approx(3 / (3 + 3.0) ** 2, rel=0.05)  # of κ / (d − 1 + κ)


def test_a_run_draws_from_it_and_evaluates_its_direction() -> None:
    posterior = posterior_of(0, 3, 10.0, rows=5)
    draws = sample(posterior, generator=source(0))
    assert torch.equal(draws, sample(posterior, generator=source(0)))
    assert posterior_mean(posterior) is posterior.direction
    one = kl_estimate(draws, posterior, UniformOnSphere(size=3).double(), reduction="sum")
    assert float(one) == pytest.approx(float(posterior.log_density(draws).mean()) + math.log(4 * math.pi))


def test_no_step_waits_for_it() -> None:
    prior, codes = UniformOnSphere(size=3), torch.randn(4, 3, generator=source(0))
    posterior = PowerSpherical(unit(codes), torch.ones(4))
    check_waits(lambda given: given[0].log_probability(given[1]), (prior, codes))
    check_waits(lambda given: given[0].sample(4, generator=source(0)), (prior,))
    check_waits(lambda given: given[0].kl_divergence(given[1]), (prior, posterior))
    check_waits(lambda given: given[0].draw(generator=source(0)), (posterior,))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"takes a posterior on the sphere.*found a DiagonalGaussian"):
        kl_divergence(DiagonalGaussian(torch.zeros(2, 3), torch.zeros(2, 3)), UniformOnSphere(size=3))
    with pytest.raises(ValueError, match="its size is 4"):
        UniformOnSphere(size=4).kl_divergence(PowerSpherical(torch.eye(3), torch.ones(3)))
    with pytest.raises(ValueError, match="a direction of two numbers or more"):
        power_spherical(torch.zeros(3, 2))
