"""The parts of a divergence: what they add up to, what each is, and how a batch estimates them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_vae.tcvae import (
    Estimator,
    dimension_wise_kl,
    index_code_information,
    kl_decomposition,
    total_correlation,
)
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from semreg.core import DiagonalGaussian

seeds = st.integers(0, 2**31)
estimators: st.SearchStrategy[Estimator] = st.sampled_from(["weighted", "stratified"])
numbers = st.none() | st.integers(1, 10_000)


def batch(seed: int, rows: int, code: int = 3) -> tuple[Tensor, DiagonalGaussian]:
    """Codes that are drawn from posteriors, in float64."""
    random = torch.Generator().manual_seed(seed)
    mean, log_variance, noise = torch.randn(3, rows, code, dtype=torch.float64, generator=random)
    return mean + torch.exp(0.5 * log_variance) * noise, DiagonalGaussian(mean, log_variance)


@given(seed=seeds, rows=st.integers(1, 12), code=st.integers(1, 5), images=numbers, estimator=estimators)
def test_the_parts_add_up_to_the_divergence_at_the_codes(
    seed: int, rows: int, code: int, images: int | None, estimator: Estimator
) -> None:
    codes, (mean, log_variance) = batch(seed, rows, code)
    parts = kl_decomposition(codes, DiagonalGaussian(mean, log_variance), images=images, estimator=estimator)
    of_posterior, of_prior = Normal(mean, (0.5 * log_variance).exp()), Normal(torch.zeros_like(mean), 1.0)
    expected = (of_posterior.log_prob(codes) - of_prior.log_prob(codes)).sum(1).mean()
    torch.testing.assert_close(sum(parts), expected, atol=1e-6, rtol=1e-6)


def test_with_many_draws_the_sum_is_the_closed_form() -> None:
    _, posterior = batch(0, 1)
    many = DiagonalGaussian(*(part.expand(200, -1) for part in posterior))
    random = torch.Generator().manual_seed(0)
    sums = []
    for _ in range(40):
        noise = torch.randn(200, 3, dtype=torch.float64, generator=random)
        sums.append(sum(kl_decomposition(many.mean + torch.exp(0.5 * many.log_variance) * noise, many)))
    exact = kl_divergence(Normal(posterior.mean, (0.5 * posterior.log_variance).exp()), Normal(0.0, 1.0)).sum()
    torch.testing.assert_close(torch.stack(sums).mean(), exact, rtol=0.05, atol=0)


@settings(max_examples=25)
@given(seed=seeds, rows=st.integers(1, 7), images=st.integers(1, 50), estimator=estimators)
def test_it_is_what_loops_give(seed: int, rows: int, images: int, estimator: Estimator) -> None:
    codes, posterior = batch(seed, rows)
    images = max(images, rows)

    def density(row: int, dimensions: list[int]) -> float:
        """Of all codes in some dimensions, at the code of a row."""
        total = 0.0
        for other in range(rows):
            deviation = (0.5 * posterior.log_variance[other]).exp()
            logs = Normal(posterior.mean[other], deviation).log_prob(codes[row])[dimensions]
            share = 1 / (images * rows)
            if estimator == "stratified":
                share = 1 / images if other == row else (images - 1) / images / (rows - 1)
            total += share * math.exp(float(logs.sum()))
        return total

    logs = [math.log(density(row, [0, 1, 2])) for row in range(rows)]
    marginals = [sum(math.log(density(row, [k])) for k in range(3)) for row in range(rows)]
    expected = sum(a - b for a, b in zip(logs, marginals, strict=True)) / rows
    found = total_correlation(codes, posterior, images=images, estimator=estimator)
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(seed=seeds, rows=st.integers(2, 8), images=st.integers(2, 10_000))
def test_shares_of_the_stratified_estimator_add_up_to_one(seed: int, rows: int, images: int) -> None:
    codes, posterior = batch(seed, 1, 1)  # one image again and again has the density of its own posterior
    codes, posterior = codes.repeat(rows, 1), DiagonalGaussian(*(part.repeat(rows, 1) for part in posterior))
    found = index_code_information(codes, posterior, images=images, estimator="stratified")
    torch.testing.assert_close(found, torch.zeros_like(found), atol=1e-12, rtol=0)


@given(seed=seeds, rows=st.integers(1, 12), images=st.integers(1, 10_000))
def test_the_number_of_images_changes_no_gradient_of_the_weighted_estimator(seed: int, rows: int, images: int) -> None:
    codes, posterior = batch(seed, rows)
    codes.requires_grad_()
    slopes = [
        torch.autograd.grad(total_correlation(codes, posterior, images=number), codes)[0] for number in (None, images)
    ]
    torch.testing.assert_close(*slopes)


@given(seed=seeds, rows=st.integers(1, 12), images=numbers, estimator=estimators)
def test_a_code_of_one_number_has_no_total_correlation(
    seed: int, rows: int, images: int | None, estimator: Estimator
) -> None:
    found = total_correlation(*batch(seed, rows, 1), images=images, estimator=estimator)
    torch.testing.assert_close(found, torch.zeros_like(found))


@given(seed=seeds, rows=st.integers(1, 12))
def test_the_order_of_dimensions_changes_nothing(seed: int, rows: int) -> None:
    codes, posterior = batch(seed, rows)
    other = DiagonalGaussian(*(part[:, [2, 0, 1]] for part in posterior))
    for mine, theirs in zip(
        kl_decomposition(codes, posterior), kl_decomposition(codes[:, [2, 0, 1]], other), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


def test_dependent_dimensions_have_the_total_correlation_of_their_distribution() -> None:
    """Of N(0, C) with correlation r it is −log(1 − r²) / 2; posteriors are as narrow as a kernel density needs."""
    random, r, deviation = torch.Generator().manual_seed(0), 0.9, 0.3
    a, b, *noise = torch.randn(4, 600, dtype=torch.float64, generator=random)
    mean = math.sqrt(1 - deviation**2) * torch.stack([a, r * a + math.sqrt(1 - r**2) * b], 1)
    codes = mean + deviation * torch.stack(noise, 1)
    posterior = DiagonalGaussian(mean, torch.full_like(mean, 2 * math.log(deviation)))
    correlation = r * (1 - deviation**2)
    expected = -0.5 * math.log(1 - correlation**2)
    assert float(total_correlation(codes, posterior)) == pytest.approx(expected, rel=0.1)
    assert float(dimension_wise_kl(codes, posterior)) == pytest.approx(0, abs=0.03)
    images = index_code_information(codes, posterior)
    assert 0 < float(images) < math.log(600)


def test_an_unknown_estimator_is_told() -> None:
    with pytest.raises(ValueError, match="'weighted' or 'stratified', found 'mss'"):
        total_correlation(*batch(0, 2), estimator="mss")  # type: ignore[arg-type]
