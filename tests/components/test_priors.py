"""The standard normal prior: density, draws, divergence, and that a plain function or label does not disturb it."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import MultivariateNormal

from semreg.components.priors import StandardNormal
from semreg.core import DiagonalGaussian


def test_log_probability_is_that_of_a_multivariate_normal() -> None:
    codes = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    expected = MultivariateNormal(torch.zeros(5), torch.eye(5)).log_prob(codes)
    torch.testing.assert_close(StandardNormal(size=5).log_probability(codes), expected)


def test_samples_have_their_moments_and_follow_the_generator() -> None:
    prior = StandardNormal(size=3)
    draws = prior.sample(50_000, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(draws.mean(0), torch.zeros(3), rtol=0, atol=0.02)
    torch.testing.assert_close(draws.T.cov(), torch.eye(3), rtol=0, atol=0.03)
    assert torch.equal(draws, prior.sample(50_000, generator=torch.Generator().manual_seed(1)))
    assert prior.sample(0).shape == (0, 3)


def test_labels_change_nothing() -> None:
    prior = StandardNormal(size=2)
    labels = torch.tensor([0, 1, 2])
    codes = torch.ones(3, 2)
    assert torch.equal(prior.log_probability(codes, labels), prior.log_probability(codes))
    drawn = prior.sample(3, labels, generator=torch.Generator().manual_seed(1))
    assert torch.equal(drawn, prior.sample(3, generator=torch.Generator().manual_seed(1)))


def test_kl_of_each_element_is_zero_at_the_prior_and_positive_elsewhere() -> None:
    prior = StandardNormal(size=4)
    zeros = torch.zeros(3, 4)
    assert torch.equal(prior.kl_divergence(DiagonalGaussian(zeros, zeros)), zeros)
    elsewhere = prior.kl_divergence(DiagonalGaussian(zeros + 0.1, zeros))
    torch.testing.assert_close(elsewhere, torch.full((3, 4), 0.005))


def test_it_has_no_parameters_and_leaves_nothing_in_a_checkpoint() -> None:
    prior = StandardNormal(size=4)
    assert not list(prior.parameters())
    assert not prior.state_dict()
    assert prior.to(torch.float64).sample(2).dtype == torch.float64


def test_codes_of_another_size_are_refused() -> None:
    prior = StandardNormal(size=4)
    with pytest.raises(ValueError, match=r'"batch 4", found \(3, 5\): its size is 4'):
        prior.log_probability(torch.zeros(3, 5))
    with pytest.raises(ValueError, match=r'"batch 4", found \(3, 4, 1, 1\)'):
        prior.kl_divergence(DiagonalGaussian(torch.zeros(3, 4, 1, 1), torch.zeros(3, 4, 1, 1)))
    with pytest.raises(ValueError, match="found a Tensor of shape"):
        prior.kl_divergence(torch.zeros(3, 4))  # type: ignore[arg-type]
