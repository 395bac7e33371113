"""The mutual information gap: what it is 1 of, what lowers it, what doesn't, and a plain other implementation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_disentanglement import mig
from sklearn.metrics import mutual_info_score
from torch import Tensor

Make = Callable[..., Tensor]
SIZES = st.lists(st.integers(2, 8), min_size=2, max_size=3)


@settings(max_examples=10)
@given(sizes=SIZES, scale=st.floats(0.01, 100), reverse=st.booleans())
def test_a_perfect_code_gives_1_whatever_the_order_sign_and_scale(
    grid: Make, sizes: list[int], scale: float, reverse: bool
) -> None:
    factors = grid(*sizes)
    order = [*range(len(sizes))][:: -1 if reverse else 1]
    found = mig(-scale * factors[:, order].double() + 3, factors)
    assert found.mig == pytest.approx(1)
    assert found.coded_by.tolist() == order
    assert torch.allclose(found.matrix[order], torch.eye(len(sizes), dtype=torch.float64), atol=1e-9)


@settings(max_examples=10)
@given(sizes=SIZES, angle=st.floats(0.2, 1.3))
def test_a_rotation_lowers_it(grid: Make, sizes: list[int], angle: float) -> None:
    factors = grid(*sizes)
    codes = factors.double() - factors.double().mean(0)
    rotation = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    codes[:, :2] @= rotation
    found = mig(codes, factors)
    assert found.mig < 0.95
    assert (found.gaps[:2] < 0.95).all()
    assert torch.allclose(found.gaps[2:], torch.ones(len(sizes) - 2, dtype=torch.float64))


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31), scale=st.floats(0.01, 100), dead=st.integers(0, 3))
def test_order_sign_scale_and_dead_dimensions_change_nothing(
    grid: Make, noise: Make, seed: int, scale: float, dead: int
) -> None:
    factors = grid(3, 4)
    codes = noise(len(factors), 4, seed)
    codes[:, :2] += factors
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    other = torch.cat([torch.full((len(codes), dead), 2.0), -scale * codes[:, order]], 1)
    ours, theirs = mig(codes, factors), mig(other, factors)
    assert theirs.mig == pytest.approx(ours.mig, abs=1e-9)
    assert (theirs.coded_by - dead).tolist() == order.argsort()[ours.coded_by].tolist()


@settings(max_examples=10)
@given(sizes=SIZES)
def test_a_dimension_that_is_there_twice_leaves_no_gap(grid: Make, sizes: list[int]) -> None:
    factors = grid(*sizes)
    codes = factors.double()
    found = mig(torch.cat([codes, codes[:, :1]], 1), factors)
    assert found.gaps.tolist() == pytest.approx([0.0] + [1.0] * (len(sizes) - 1), abs=1e-9)


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31), bins=st.integers(2, 25))
def test_it_is_what_loops_over_scikit_learn_give(grid: Make, noise: Make, seed: int, bins: int) -> None:
    factors = grid(3, 5, images=100)
    codes = noise(len(factors), 3, seed)
    codes[:, 1] += factors[:, 1]
    found = []
    for factor in factors.numpy().T:
        told = sorted(
            mutual_info_score(np.digitize(code, np.histogram(code, bins)[1][:-1]), factor) for code in codes.numpy().T
        )
        found.append((told[-1] - told[-2]) / mutual_info_score(factor, factor))
    assert mig(codes, factors, bins=bins).mig == pytest.approx(np.mean(found), abs=1e-9)
