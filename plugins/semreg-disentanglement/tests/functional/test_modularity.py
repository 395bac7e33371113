"""Modularity and explicitness: of perfect, rotated and doubled codes, and by formula."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_disentanglement import modularity_explicitness
from torch import Tensor

Make = Callable[..., Tensor]


@settings(max_examples=5)
@given(sizes=st.lists(st.integers(2, 4), min_size=2, max_size=3), scale=st.floats(0.01, 100))
def test_a_perfect_code_gives_1_whatever_the_order_sign_and_scale(grid: Make, sizes: list[int], scale: float) -> None:
    factors = grid(*sizes)
    found = modularity_explicitness(-scale * factors.double().flip(1), factors)
    assert found.modularity == pytest.approx(1)
    assert found.by_dimension.tolist() == pytest.approx([1.0] * len(sizes))
    if max(sizes) == 2:  # of several classes in a row one line parts only the first and the last from the rest
        assert found.explicitness == pytest.approx(1)


@settings(max_examples=5)
@given(st.floats(0.3, 1.2))
def test_a_rotation_lowers_modularity_and_not_explicitness(grid: Make, angle: float) -> None:
    factors = grid(2, 2)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    found = modularity_explicitness((factors - 0.5).double() @ turn, factors)
    assert found.modularity < 0.9
    assert found.explicitness == pytest.approx(1)


@settings(max_examples=5)
@given(st.integers(0, 2**31))
def test_modularity_is_what_its_formula_gives(grid: Make, noise: Make, seed: int) -> None:
    factors = grid(2, 3, 2, images=120)
    codes = noise(len(factors), 3, seed)
    codes[:, 0] += factors[:, 1]
    found = modularity_explicitness(codes, factors)
    scores = []
    for row in found.matrix.tolist():
        *others, greatest = sorted(row)
        scores.append(1 - sum(other**2 for other in others) / (greatest**2 * 2))
    assert found.by_dimension.tolist() == pytest.approx(scores)
    assert found.modularity == pytest.approx(sum(scores) / 3)


def test_dead_dimensions_and_dimensions_that_are_there_twice_change_nothing(grid: Make) -> None:
    factors = grid(2, 2)
    codes = factors.double()
    found = modularity_explicitness(torch.cat([codes, codes[:, :1], torch.ones(len(codes), 1)], 1), factors)
    assert found[:2] == pytest.approx((1, 1))
    assert found.by_dimension[3].isnan()


def test_guessing_has_half_the_area_and_one_factor_no_modularity(grid: Make, noise: Make) -> None:
    found = modularity_explicitness(noise(900, 2), grid(3, images=900))
    assert found.explicitness == pytest.approx(0.5, abs=0.08)
    assert math.isnan(found.modularity)


def test_a_class_that_no_image_held_out_has_counts_nowhere(noise: Make) -> None:
    factor = torch.arange(100) % 2
    factor[0] = 2
    codes = torch.cat([factor[:, None].double() % 2, noise(100, 1)], 1)
    with pytest.warns(UserWarning, match="1 of the 3 classes of factor 0 have fewer than 10 images"):
        found = modularity_explicitness(codes, factor)
    assert found.explicitness > 0.9
