"""Permuted dimensions, and the total correlation that a critic sees."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_vae.factor_vae import log_density_ratio, permuted_dimensions

from semreg.components.losses import adversarial_critic

seeds = st.integers(0, 2**31)


@given(seed=seeds, rows=st.integers(0, 20), code=st.integers(1, 5))
def test_each_dimension_keeps_its_values(seed: int, rows: int, code: int) -> None:
    random = torch.Generator().manual_seed(seed)
    codes = torch.randn(rows, code, generator=random)
    assert torch.equal(permuted_dimensions(codes, generator=random).sort(0).values, codes.sort(0).values)


def test_dimensions_that_were_equal_are_independent_and_all_orders_are_as_frequent() -> None:
    random = torch.Generator().manual_seed(0)
    codes = torch.randn(5000, 1, generator=random).expand(-1, 3)
    correlations = torch.corrcoef(permuted_dimensions(codes, generator=random).mT)
    torch.testing.assert_close(correlations, torch.eye(3), atol=0.05, rtol=0)
    three = torch.arange(3.0)[:, None].expand(-1, 4000)  # each column is put in an order of its own
    orders = (permuted_dimensions(three, generator=random) * torch.tensor([9.0, 3.0, 1.0])[:, None]).sum(0)
    counts = orders.unique(return_counts=True)[1]
    torch.testing.assert_close(counts / 4000, torch.full((6,), 1 / 6), atol=0.03, rtol=0)


@given(seed=seeds)
def test_gradients_go_to_where_a_number_came_from(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    codes = torch.randn(6, 2, generator=random, requires_grad=True)
    (slope,) = torch.autograd.grad(permuted_dimensions(codes, generator=random).square().sum(), codes)
    torch.testing.assert_close(slope, 2 * codes)


@given(mean=st.floats(-2, 2))
def test_the_best_critics_logits_give_the_divergence(mean: float) -> None:
    """Of N(m, 1) and N(0, 1) the log of their ratio is m·x − m²/2, whose mean under the first is m²/2."""
    x = torch.randn(20_000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    slope, offset = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (mean, -(mean**2) / 2))
    loss = adversarial_critic(slope * (x + mean) + offset, slope * x + offset)
    for gradient in torch.autograd.grad(loss, (slope, offset)):
        assert abs(float(gradient)) < 0.05  # no other line is better
    assert math.isclose(float(log_density_ratio(slope * (x + mean) + offset).detach()), mean**2 / 2, abs_tol=0.05)
