"""The penalties of a critic: known slopes, where the gradient goes, and batches of none."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_vae.critics import r1_penalty, r2_penalty
from torch import Tensor, nn

seeds = st.integers(0, 2**31)


def points(seed: int, rows: int) -> Tensor:
    return torch.randn(rows, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(seed=seeds, rows=st.integers(1, 6))
def test_of_a_quadratic_form_it_is_known(seed: int, rows: int) -> None:
    """D(x) = xᵀAx has the slope (A + Aᵀ)x."""
    x, form = points(seed, rows), points(seed + 1, 3)
    expected = (x @ (form + form.mT)).square().sum(1).mean() / 2
    torch.testing.assert_close(r1_penalty(lambda at: (at @ form * at).sum(1, keepdim=True), x), expected)


@given(seed=seeds, scale=st.floats(-3, 3))
def test_it_grows_with_the_square_of_the_scores_and_a_constant_adds_none(seed: int, scale: float) -> None:
    x = points(seed, 4)
    base = r2_penalty(lambda at: at.sin(), x)
    torch.testing.assert_close(r2_penalty(lambda at: scale * at.sin() + 5, x), scale**2 * base)


def test_the_gradient_reaches_the_critic_alone_where_gradients_are_off_too() -> None:
    critic, codes = nn.Linear(3, 2).double(), points(0, 4).requires_grad_()
    penalty = r1_penalty(critic, codes)
    slopes = torch.autograd.grad(penalty, [critic.weight, codes], allow_unused=True)
    assert slopes[0] is not None
    assert slopes[1] is None
    assert float(penalty.detach()) == pytest.approx(float(critic.weight.detach().sum(0).square().sum()) / 2)
    with torch.no_grad():
        torch.testing.assert_close(r1_penalty(critic, codes), penalty.detach())


def test_no_samples_leave_a_connected_zero() -> None:
    critic = nn.Linear(3, 1).double()
    penalty = r1_penalty(critic, points(0, 0))
    penalty.backward()  # type: ignore[no-untyped-call]
    assert not penalty.detach()
    assert critic.weight.grad is not None
