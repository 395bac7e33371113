"""VampPrior: the mixture of its pseudo-inputs' posteriors, and the gradient that reaches them through the encoder."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_priors import VampPrior
from torch import distributions, nn

from semreg.components.losses import kl_estimate
from semreg.components.operations import diagonal_gaussian, sample


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(seed: int, count: int = 4, size: int = 3) -> tuple[VampPrior, nn.Module]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        prior = VampPrior(size=size, pseudo_inputs=count, input_shapes=[(1, 4, 4)]).double()
        return prior, nn.Sequential(nn.Flatten(), nn.Linear(16, 2 * size)).double()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), rows=st.integers(0, 5), count=st.integers(1, 5))
def test_it_is_what_loops_give(seed: int, rows: int, count: int) -> None:
    prior, encoder = made(seed, count)
    pseudo = diagonal_gaussian(encoder(prior(torch.zeros(rows, 1, 4, 4))).detach())
    codes = torch.randn(rows, 3, generator=source(seed), dtype=torch.float64)
    densities = prior.log_probability(codes, pseudo)
    for row, code in enumerate(codes):
        total = sum(
            float(distributions.Normal(mean, (log_variance / 2).exp()).log_prob(code).sum().exp())
            for mean, log_variance in zip(*pseudo, strict=True)
        )
        assert float(densities[row]) == pytest.approx(math.log(total / count))
    # the last pseudo-posterior is kept, for draws and densities without one
    torch.testing.assert_close(prior.log_probability(codes), densities)


def test_gradients_reach_pseudo_inputs_and_encoder() -> None:
    prior, encoder = made(0)
    images = torch.rand(6, 1, 4, 4, generator=source(0), dtype=torch.float64)
    posterior = diagonal_gaussian(encoder(images))
    draws = sample(posterior, generator=source(1)).detach()
    pseudo = diagonal_gaussian(encoder(prior(images)))
    loss = kl_estimate(draws, diagonal_gaussian(encoder(images).detach()), prior, pseudo)
    slopes = torch.autograd.grad(loss, [prior.pixels, *encoder.parameters()])
    assert all(slope.isfinite().all() and slope.abs().sum() > 0 for slope in slopes)


def test_pseudo_inputs_are_in_the_range_of_images_and_evaluations_change_nothing() -> None:
    prior = VampPrior(size=2, pseudo_inputs=5, value_range=(-1.0, 1.0), input_shapes=[(3, 8, 8)])
    images = prior(torch.zeros(2, 3, 8, 8)).detach()
    assert images.shape == (5, 3, 8, 8)
    assert -1 < float(images.min()) < 0 < float(images.max()) < 1
    before = prior.means.clone()
    pseudo = diagonal_gaussian(torch.randn(5, 4, generator=source(0)))
    prior.eval().log_probability(torch.zeros(1, 2), pseudo)
    assert torch.equal(prior.means, before)
    prior.train().log_probability(torch.zeros(1, 2), pseudo)
    assert torch.equal(prior.means, pseudo.mean)


def test_what_does_not_fit_is_refused() -> None:
    prior = VampPrior(size=2, pseudo_inputs=5, input_shapes=[(1, 8, 8)])
    with pytest.raises(ValueError, match=r"vamp\.log_probability.*a row for each pseudo-input"):
        prior.log_probability(torch.zeros(1, 2), diagonal_gaussian(torch.zeros(4, 4)))
    with pytest.raises(ValueError, match=r"takes a posterior with mean and log_variance"):
        prior.sample(3, (torch.zeros(5, 2),))
