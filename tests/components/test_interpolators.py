"""The straight line between codes."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from semreg.components.interpolators import linear

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
