"""Flows: their densities, their classes, and what they cannot have."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_priors import (
    FlowPrior,
)

seeds = st.integers(0, 2**31)


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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


def test_a_flow_with_classes_is_their_mean_without_a_label(moved: Any) -> None:
    prior = moved(FlowPrior(size=3, transforms=1, hidden=(8,), bins=4, classes=2), 0)
    codes = torch.randn(4, 3, generator=source(0), dtype=torch.float64)
    own = [prior.log_probability(codes, torch.full((4,), label)).exp() for label in range(2)]
    torch.testing.assert_close(prior.log_probability(codes).exp(), sum(own) / 2)
    with pytest.raises(ValueError, match="there are 2 classes"):
        prior.log_probability(codes, torch.full((4,), 2))
    with pytest.raises(ValueError, match="takes one label, the class; found 2"):
        prior.sample(4, torch.zeros(4).long(), torch.zeros(4).long())


def test_a_flow_of_one_dimension_takes_no_coupling(moved: Any) -> None:
    with pytest.raises(ValueError, match=r"needs a code of 2 elements or more.*size is 1: coupling = false"):
        FlowPrior(size=1)
    prior = moved(FlowPrior(size=1, coupling=False, transforms=2), 0)
    axis = torch.linspace(-12, 12, 2001, dtype=torch.float64)[:, None]
    assert prior.log_probability(axis).exp().sum().item() * 24 / 2000 == pytest.approx(1, abs=1e-3)


def test_autocast_changes_neither_draws_nor_densities(moved: Any) -> None:
    prior = moved(FlowPrior(size=4), 0).float()  # in bfloat16 the two would not belong to each other
    draws = prior.sample(5, generator=source(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(prior.sample(5, generator=source(0)), draws)
        density = prior.log_probability(draws)
    assert torch.equal(density, prior.log_probability(draws))
