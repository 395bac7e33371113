"""The importance-weighted bound: plain loops, what one draw gives, and how it nears the likelihood of known models."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_vae.importance import Likelihood, importance_weighted_bound, repeated
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from semreg.components.losses import kl_divergence
from semreg.components.priors import StandardNormal
from semreg.core import DiagonalGaussian

seeds = st.integers(0, 2**31)
likelihoods: st.SearchStrategy[Likelihood] = st.sampled_from(["gaussian", "bernoulli"])
PRIOR = StandardNormal(size=3)


def drawn(seed: int, rows: int, count: int) -> tuple[Tensor, Tensor, Tensor, DiagonalGaussian]:
    """Outputs, targets, codes and posteriors of images of two numbers."""
    random = torch.Generator().manual_seed(seed)
    mean, log_variance = torch.randn(2, rows, 3, dtype=torch.float64, generator=random)
    posterior = DiagonalGaussian(mean, log_variance)
    many = repeated(posterior, count=count)
    noise = torch.randn(rows * count, 3, dtype=torch.float64, generator=random)
    outputs = torch.randn(rows * count, 2, dtype=torch.float64, generator=random)
    targets = torch.rand(rows, 2, dtype=torch.float64, generator=random)
    return outputs, targets, many.mean + torch.exp(0.5 * many.log_variance) * noise, posterior


@settings(max_examples=12)
@given(seed=seeds, rows=st.integers(1, 3), count=st.integers(1, 3), likelihood=likelihoods)
def test_it_is_what_loops_give(seed: int, rows: int, count: int, likelihood: Likelihood) -> None:
    outputs, targets, codes, (mean, log_variance) = drawn(seed, rows, count)
    total = 0.0
    for image in range(rows):
        weights = []
        for k in range(count):
            row = image * count + k
            if likelihood == "gaussian":
                log_likelihood = Normal(outputs[row], 0.5).log_prob(targets[image]).sum()
            else:
                of_pixels = Bernoulli(logits=outputs[row], validate_args=False)
                log_likelihood = of_pixels.log_prob(targets[image]).sum()
            log_prior = Normal(0.0, 1.0).log_prob(codes[row]).sum()
            log_posterior = Normal(mean[image], (0.5 * log_variance[image]).exp()).log_prob(codes[row]).sum()
            weights.append(math.exp(float(log_likelihood + log_prior - log_posterior)))
        total -= math.log(sum(weights) / count)
    found = importance_weighted_bound(
        outputs, targets, codes, DiagonalGaussian(mean, log_variance), PRIOR, likelihood=likelihood, deviation=0.5
    )
    assert float(found) == pytest.approx(total / rows, rel=1e-6)


@settings(max_examples=25)
@given(seed=seeds, rows=st.integers(1, 5), count=st.integers(1, 5))
def test_the_order_of_an_images_draws_changes_nothing_and_more_of_the_same_neither(
    seed: int, rows: int, count: int
) -> None:
    outputs, targets, codes, posterior = drawn(seed, rows, count)
    expected = importance_weighted_bound(outputs, targets, codes, posterior, PRIOR)
    turned = [part.unflatten(0, (rows, count)).flip(1).flatten(0, 1) for part in (outputs, codes)]
    torch.testing.assert_close(importance_weighted_bound(turned[0], targets, turned[1], posterior, PRIOR), expected)
    twice = [repeated(part, count=2) for part in (outputs, codes)]
    torch.testing.assert_close(importance_weighted_bound(twice[0], targets, twice[1], posterior, PRIOR), expected)


@settings(max_examples=25)
@given(seed=seeds, rows=st.integers(1, 5), count=st.integers(2, 6))
def test_together_draws_say_at_least_as_much_as_each_by_itself(seed: int, rows: int, count: int) -> None:
    outputs, targets, codes, posterior = drawn(seed, rows, count)
    together = importance_weighted_bound(outputs, targets, codes, posterior, PRIOR)
    each = importance_weighted_bound(
        outputs, repeated(targets, count=count), codes, repeated(posterior, count=count), PRIOR
    )
    assert together <= each + 1e-12


def test_one_draw_gives_the_evidence_lower_bound_on_average() -> None:
    outputs, targets, codes, posterior = drawn(0, 1, 20_000)
    fixed = outputs[:1]
    found = importance_weighted_bound(
        fixed.expand(len(codes), -1),
        targets.expand(len(codes), -1),
        codes,
        repeated(posterior, count=len(codes)),
        PRIOR,
    )
    error = 0.5 * F.mse_loss(fixed, targets, reduction="sum") + math.log(2 * math.pi)
    torch.testing.assert_close(found, error + kl_divergence(posterior, PRIOR, reduction="sum"), rtol=0.02, atol=0.02)


def test_with_many_draws_it_is_the_likelihood_of_a_linear_model() -> None:
    """x = Wz + ε has the density N(0, WWᵀ + I), whatever the posterior that codes are drawn from."""
    random = torch.Generator().manual_seed(0)
    weights = torch.randn(2, 3, dtype=torch.float64, generator=random)
    _, targets, codes, posterior = drawn(1, 1, 50_000)
    density = torch.distributions.MultivariateNormal(
        torch.zeros(2, dtype=torch.float64), weights @ weights.mT + torch.eye(2, dtype=torch.float64)
    )
    wide = DiagonalGaussian(torch.zeros_like(posterior.mean), torch.full_like(posterior.log_variance, 0.5))
    codes = torch.randn(50_000, 3, dtype=torch.float64, generator=random) * math.exp(0.25)
    found = importance_weighted_bound(codes @ weights.mT, targets, codes, wide, PRIOR)
    assert float(found) == pytest.approx(-float(density.log_prob(targets)[0]), abs=0.03)


def test_labels_of_the_prior_have_a_row_for_each_draw() -> None:
    class Shifted(StandardNormal):
        def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
            return super().log_probability(codes - labels[0][:, None])

    outputs, targets, codes, posterior = drawn(0, 2, 3)
    found = importance_weighted_bound(outputs, targets, codes, posterior, Shifted(size=3), torch.tensor([0, 2]))
    shifts = torch.tensor([0.0, 0, 0, 2, 2, 2], dtype=torch.float64)[:, None]
    moved = DiagonalGaussian(posterior.mean - shifts[::3], posterior.log_variance)
    torch.testing.assert_close(found, importance_weighted_bound(outputs, targets, codes - shifts, moved, PRIOR))


def test_what_does_not_fit_is_told() -> None:
    outputs, targets, codes, posterior = drawn(0, 2, 3)
    with pytest.raises(ValueError, match="as many draws for each image"):
        importance_weighted_bound(outputs[:5], targets, codes[:5], posterior, PRIOR)
    with pytest.raises(ValueError, match="found 'normal'"):
        importance_weighted_bound(outputs, targets, codes, posterior, PRIOR, likelihood="normal")  # type: ignore[arg-type]


def test_repeated_rows_stand_beside_each_other_and_once_in_evaluations() -> None:
    rows = torch.arange(3)
    assert repeated(rows, count=2).tolist() == [0, 0, 1, 1, 2, 2]
    assert repeated.in_evaluation(rows) is rows  # type: ignore[attr-defined]
