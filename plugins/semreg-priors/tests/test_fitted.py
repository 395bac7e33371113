"""Densities fitted to codes: their moments, classes, flat directions and states."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_priors import FittedGaussian, FittedMixture
from torch import Tensor, distributions


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def codes_of(seed: int, rows: int, size: int = 3) -> Tensor:
    bent = torch.randn(size, size, generator=source(seed), dtype=torch.float64)
    return 1 + torch.randn(rows, size, generator=source(seed + 1), dtype=torch.float64) @ bent


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), rows=st.integers(20, 60))
def test_a_gaussian_has_the_density_of_the_moments(seed: int, rows: int) -> None:
    codes = codes_of(seed, rows)
    codes[:, 0] += torch.randn(rows, generator=source(seed), dtype=torch.float64)
    prior = FittedGaussian(size=3).double()
    prior.fit(codes)
    other = distributions.MultivariateNormal(codes.mean(0), codes.T.cov(correction=0))
    torch.testing.assert_close(prior.log_probability(codes), other.log_prob(codes), rtol=1e-3, atol=1e-3)
    another = FittedGaussian(size=3).double()
    another.load_state(prior.state())
    assert torch.equal(another.sample(5, generator=source(0)), prior.sample(5, generator=source(0)))


def test_classes_have_densities_of_their_own_and_shares() -> None:
    codes, labels = codes_of(0, 40), torch.arange(40) % 4
    prior = FittedGaussian(size=3, classes=5).double()
    prior.fit(codes, labels)
    assert prior.weights.tolist() == [0.25] * 4 + [0.0]  # of the last class there is no code
    torch.testing.assert_close(prior.means[1], codes[labels == 1].mean(0))
    torch.testing.assert_close(prior.means[4], codes.mean(0))
    every = torch.stack([prior.log_probability(codes, torch.full((40,), value)) for value in range(4)])
    torch.testing.assert_close(prior.log_probability(codes).exp(), every.exp().mean(0))
    assert prior.sample(50, generator=source(0)).isfinite().all()
    with pytest.raises(ValueError, match=r"5 classes, and 0 labels of its code: `attributes` of \[model\] says one"):
        prior.fit(codes)
    with pytest.raises(ValueError, match="there are 5 classes"):
        prior.sample(2, torch.tensor([0, 5]))


@pytest.mark.parametrize("kind", [FittedGaussian, FittedMixture])
@pytest.mark.parametrize("rows", [1, 2, 50])
def test_codes_that_leave_directions_empty_have_a_finite_density(kind: type, rows: int) -> None:
    codes = codes_of(0, rows)
    codes[:, 2] = 7
    prior = kind(size=3)
    prior.fit(codes)
    assert prior.log_probability(codes.float()).isfinite().all()
    draws = prior.sample(100, generator=source(0))
    assert (draws[:, 2] - 7).abs().max() < 0.01
    for wrong in (codes[:0], codes[:, :2], codes * torch.nan):
        with pytest.raises(ValueError, match=r"fit\(codes\)"):
            prior.fit(wrong)


def test_a_mixture_finds_the_clusters() -> None:
    centres = torch.tensor([[-9.0, 0.0], [0.0, 9.0], [9.0, 0.0]])
    codes = centres.repeat(100, 1) + torch.randn(300, 2, generator=source(0))
    prior = FittedMixture(size=2, components=3)
    prior.fit(codes)
    distances = torch.cdist(centres, prior.means).min(1).values
    assert distances.max() < 0.5
    torch.testing.assert_close(prior.weights, torch.full((3,), 1 / 3), rtol=0, atol=0.01)
    assert torch.cdist(prior.sample(200, generator=source(1)), centres).min(1).values.max() < 5
