"""Separated attribute predictability: what it is greatest of, and what changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_disentanglement import sap
from semreg_disentanglement.functional.common import held_out, standardised
from sklearn.svm import LinearSVC
from torch import Tensor

Make = Callable[..., Tensor]


@settings(max_examples=5)
@given(factors=st.integers(2, 3), reverse=st.booleans())
def test_of_a_perfect_code_of_binary_factors_guessing_is_all_that_is_missing(
    grid: Make, factors: int, reverse: bool
) -> None:
    classes = grid(*[2] * factors, images=1200)
    codes = classes.double().flip(1) if reverse else classes.double()
    found = sap(codes, classes)
    best = found.matrix.amax(0)
    assert best.tolist() == [1.0] * factors
    assert found.sap == pytest.approx(0.5, abs=0.08)
    assert found.coded_by.tolist() == [*range(factors)][:: -1 if reverse else 1]


def test_a_rotation_lowers_it(grid: Make) -> None:
    factors = grid(2, 2, images=1200)
    codes = factors.double() - 0.5
    rotated = codes @ torch.tensor([[1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64) / 2**0.5
    assert sap(codes, factors).sap > 0.4
    assert sap(rotated, factors).sap < 0.1


@settings(max_examples=5)
@given(seed=st.integers(0, 2**31), scale=st.floats(0.01, 100))
def test_order_sign_scale_and_dead_dimensions_change_nothing(grid: Make, noise: Make, seed: int, scale: float) -> None:
    factors = grid(2, 3, images=300)
    codes = noise(len(factors), 3, seed)
    codes[:, :2] += 2 * factors
    other = torch.cat([-scale * codes.flip(1), torch.ones(len(codes), 1)], 1)
    ours, theirs = sap(codes, factors), sap(other, factors)
    assert theirs.sap == pytest.approx(ours.sap, abs=0.02)  # an image at a boundary may fall on either side
    assert theirs.coded_by.tolist() == (2 - ours.coded_by).tolist()
    assert theirs.matrix[3].isnan().all()


def test_a_dimension_that_is_there_twice_leaves_no_gap(grid: Make) -> None:
    factors = grid(2, 2)
    codes = factors.double()
    assert sap(torch.cat([codes, codes], 1), factors).gaps.tolist() == [0.0, 0.0]


@settings(max_examples=3)
@given(st.integers(0, 2**31))
def test_it_is_what_loops_over_scikit_learn_give(grid: Make, noise: Make, seed: int) -> None:
    factors = grid(2, 3, images=300)
    train, test = held_out(len(factors))
    codes = standardised(noise(len(factors), 3, seed) + factors[:, :1], train)
    scores = np.zeros((3, 2))
    for i, j in np.ndindex(3, 2):
        column, factor = codes[:, [i]].numpy(), factors[:, j].numpy()
        model = LinearSVC(C=0.01, class_weight="balanced", dual="auto").fit(column[train], factor[train])
        scores[i, j] = np.mean(model.predict(column[test]) == factor[test])
    found, ordered = sap(codes, factors), np.sort(scores, axis=0)
    assert found.matrix.numpy() == pytest.approx(scores, abs=1e-9)
    assert found.sap == pytest.approx(np.mean(ordered[-1] - ordered[-2]), abs=1e-9)
