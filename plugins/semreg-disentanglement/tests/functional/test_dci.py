"""Disentanglement, completeness and informativeness: of perfect, rotated and doubled codes, and by formula."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from semreg_disentanglement import dci
from torch import Tensor

Make = Callable[..., Tensor]


@pytest.mark.parametrize("regressor", ["extra_trees", "gradient_boosting"])
def test_a_perfect_code_gives_1(grid: Make, noise: Make, regressor: str) -> None:
    factors = grid(2, 3, images=150)
    codes = torch.cat([noise(len(factors), 1), -5 * factors.double().flip(1)], 1)
    found = dci(codes, factors, regressor=regressor)
    assert found[:3] == pytest.approx((1, 1, 1), abs=0.03)
    assert found.coded_by.tolist() == [2, 1]
    assert found.matrix.sum(0).tolist() == pytest.approx([1, 1])


@settings(max_examples=3)
@given(st.floats(0.3, 1.2))
def test_a_rotation_lowers_disentanglement_and_completeness_and_not_informativeness(grid: Make, angle: float) -> None:
    factors = grid(3, 3, images=600)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    codes = (factors - 1).double() @ turn
    found = dci(codes, factors)
    assert max(found.disentanglement, found.completeness) < 0.8
    assert found.informativeness > 0.95


@settings(max_examples=3)
@given(st.integers(0, 2**31))
def test_the_scores_are_the_entropies_of_the_importances(grid: Make, noise: Make, seed: int) -> None:
    factors = grid(2, 3, 2, images=120)
    codes = noise(len(factors), 4, seed)
    codes[:, :3] += factors
    found = dci(codes, factors)
    importances = found.matrix.numpy()
    by_dimension, by_factor = 1 - entropy(importances.T, base=3), 1 - entropy(importances, base=4)
    assert found.by_dimension.tolist() == pytest.approx(by_dimension.tolist())
    assert found.by_factor.tolist() == pytest.approx(by_factor.tolist())
    assert found.disentanglement == pytest.approx(np.average(by_dimension, weights=importances.sum(1)))
    assert found.completeness == pytest.approx(by_factor.mean())
    assert found.informativeness == pytest.approx(float(found.accuracies.mean()))


def test_order_sign_scale_and_dead_dimensions_change_no_more_than_other_trees_do(grid: Make, noise: Make) -> None:
    factors = grid(2, 3, images=600)
    codes = noise(len(factors), 3)
    codes[:, :2] += 3 * factors
    other = torch.cat([-7 * codes.flip(1), torch.ones(len(codes), 2)], 1)
    ours, theirs = dci(codes, factors), dci(other, factors)
    assert theirs[:3] == pytest.approx(ours[:3], abs=0.04)
    assert theirs.coded_by.tolist() == (2 - ours.coded_by).tolist()
    assert theirs.by_dimension[3:].isnan().all()


def test_a_dimension_that_is_there_twice_is_as_disentangled_and_less_complete(grid: Make) -> None:
    factors = grid(2, 3, images=300)
    codes = factors.double()
    found = dci(torch.cat([codes, codes], 1), factors)
    assert found.disentanglement == pytest.approx(1, abs=0.02)
    assert found.completeness == pytest.approx(0.5, abs=0.1)


def test_one_factor_has_no_disentanglement_and_one_dimension_no_completeness(grid: Make, noise: Make) -> None:
    factors = grid(2, 3, images=120)
    one_factor, one_dimension = dci(noise(120, 3), factors[:, 0]), dci(noise(120, 1), factors)
    assert math.isnan(one_factor.disentanglement)
    assert 0 <= one_factor.completeness <= 1
    assert math.isnan(one_dimension.completeness)
    assert 0 <= one_dimension.disentanglement <= 1
