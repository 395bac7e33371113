"""Paths between codes: straight, scaled, and straight in a prior's base space."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn

from semreg.components.interpolators import BaseSpace, linear, place_on_path, variance_preserving
from semreg.components.priors import StandardNormal

codes = st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3).map(lambda row: torch.tensor([row]))


@given(codes, codes)
def test_endpoints_are_exact(a: Tensor, b: Tensor) -> None:
    for zero, one in ((0.0, 1.0), (torch.zeros(1, 1), torch.ones(1, 1)), (torch.tensor(0), torch.tensor(1))):
        assert torch.equal(linear(a, b, zero), a)
        assert torch.equal(linear(a, b, one), b)


@given(codes, codes, st.floats(0, 1))
def test_it_is_the_convex_mix_and_symmetric(a: Tensor, b: Tensor, weight: float) -> None:
    a, b = a.double(), b.double()
    torch.testing.assert_close(linear(a, b, weight), (1 - weight) * a + weight * b, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(linear(a, b, weight), linear(b, a, 1 - weight), rtol=1e-9, atol=1e-9)


def test_weights_broadcast() -> None:
    a, b = torch.zeros(2, 3), torch.ones(2, 3)
    assert torch.equal(linear(a, b, torch.tensor([[0.25], [0.75]])), torch.tensor([[0.25] * 3, [0.75] * 3]))
    assert linear(a, b, torch.linspace(0, 1, 5).view(5, 1, 1)).shape == (5, 2, 3)


def test_gradients_reach_all_inputs() -> None:
    a, b = (torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    weight = torch.rand(2, 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(linear, (a, b, weight))


@given(codes, codes)
def test_a_variance_preserving_path_ends_at_its_codes(a: Tensor, b: Tensor) -> None:
    assert torch.equal(variance_preserving(a, b, 0), a)
    assert torch.equal(variance_preserving(a, b, torch.ones(1, 1)), b)


@given(st.floats(0, 1))
def test_between_draws_of_the_normal_prior_it_keeps_their_distribution(weight: float) -> None:
    a, b = torch.randn(2, 20_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = variance_preserving(a, b, weight)
    torch.testing.assert_close(found.mT.cov(), torch.eye(2, dtype=torch.float64), atol=0.05, rtol=0)
    torch.testing.assert_close(found.mean(0), torch.zeros(2, dtype=torch.float64), atol=0.05, rtol=0)


class Stretched(nn.Module):
    """A flow in closed form, whose inverse is wrong by a little, as that of a flow may be."""

    def __init__(self, off: float = 0.0) -> None:
        super().__init__()
        matrix = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
        self.register_buffer("matrix", matrix)
        self.shift = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
        self.off = off

    def to_noise(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        return torch.tanh(torch.linalg.solve(self.matrix, (codes - self.shift).mT).mT), codes.new_zeros(len(codes))

    def from_noise(self, noise: Tensor) -> Tensor:
        return torch.atanh(noise) @ self.matrix.mT + self.shift + self.off


small = st.integers(0, 2**31).map(lambda seed: torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(seed)))


@given(small, st.floats(0, 1))
def test_a_path_in_base_space_is_straight_there_and_ends_at_its_codes(ends: Tensor, weight: float) -> None:
    prior = Stretched().double()
    a, b = 0.1 * ends.double() @ prior.matrix.mT + prior.shift
    found, start, end = (prior.to_noise(codes)[0] for codes in (BaseSpace(prior=prior)(a, b, weight), a, b))
    torch.testing.assert_close(found, linear(start, end, weight), atol=1e-8, rtol=1e-6)
    off = BaseSpace(prior=Stretched(off=0.1).double())
    for place, end in ((0.0, a), (1.0, b)):
        torch.testing.assert_close(off(a, b, place), end)


def test_a_path_in_base_space_may_keep_the_variance() -> None:
    a, b = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    path = BaseSpace(prior=StandardNormal(size=3), path="variance_preserving")
    steps = torch.linspace(0, 1, 5).view(5, 1, 1)
    assert torch.allclose(path(a, b, steps), variance_preserving(a, b, steps), atol=1e-6)


def test_a_prior_without_a_base_space_is_told() -> None:
    with pytest.raises(ValueError, match="base_space needs a prior with a base space, as a flow has; Identity has no"):
        BaseSpace(prior=nn.Identity())  # type: ignore[arg-type]
    of_classes = Stretched()
    of_classes.classes = 3  # type: ignore[assignment]
    with pytest.raises(ValueError, match="depends on no label; this one has 3 classes"):
        BaseSpace(prior=of_classes)
    with pytest.raises(ValueError, match="found 'bent'"):
        BaseSpace(prior=StandardNormal(size=3), path="bent")  # type: ignore[arg-type]


lengths = st.lists(st.floats(0, 5), min_size=1, max_size=6)


@given(lengths, st.floats(0, 1))
def test_a_place_on_a_path_is_found_as_one_walks_it(arcs: list[float], weight: float) -> None:
    assume(sum(arcs) > 1e-6)
    (row,), (arc,), (share,) = place_on_path(torch.tensor([[*arcs, 0.0]], dtype=torch.float64), weight)
    assert row == 0
    assert 0 <= share <= 1 + 1e-9
    walked = sum(arcs[: int(arc)]) + float(share) * [*arcs, 0.0][int(arc)]
    assert walked == pytest.approx(weight * sum(arcs))
