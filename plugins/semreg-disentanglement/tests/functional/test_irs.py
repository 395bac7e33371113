"""Properties of the interventional robustness score."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_disentanglement import irs
from torch import Tensor

Made = Callable[..., Tensor]

FACTORS = torch.cartesian_prod(torch.arange(3), torch.arange(4), torch.arange(5)).repeat(2, 1)
seeds = st.integers(0, 2**31)


@settings(max_examples=10)
@given(seeds)
def test_it_is_what_loops_give(mixed: Made, seed: int) -> None:
    codes = mixed(FACTORS, 4, seed)
    best, weights = [], []
    for column in codes.T:
        largest = max(abs(value - column.mean()) for value in column)
        robust = []
        for factor in FACTORS.T:
            left = []
            for value in range(int(factor.max()) + 1):
                held = column[factor == value]
                left.append(max(float(abs(one - held.mean())) for one in held))
            robust.append(1 - sum(left) / len(left) / float(largest))
        best.append(max(robust))
        weights.append(float(largest))
    expected = sum(b * w for b, w in zip(best, weights, strict=True)) / sum(weights)
    found = irs(codes, FACTORS, quantile=1)
    assert found.irs == pytest.approx(expected)
    assert found.by_dimension.tolist() == pytest.approx(best)
    assert found.irs < irs(codes, FACTORS, quantile=0.9).irs


@settings(max_examples=10)
@given(seeds, st.permutations(range(3)))
def test_a_perfect_code_gives_one(noise: Made, seed: int, order: list[int]) -> None:
    found = irs(FACTORS[:, order] * noise(1, 3, seed)[0], FACTORS)
    assert found.irs == pytest.approx(1)
    assert [order[dimension] for dimension in found.coded_by.tolist()] == [0, 1, 2]


@settings(max_examples=10)
@given(seeds, st.permutations(range(4)), st.sampled_from([-7.0, 0.01]))
def test_order_sign_common_scale_and_dead_dimensions_change_nothing(
    mixed: Made, seed: int, order: list[int], scale: float
) -> None:
    codes = mixed(FACTORS, 4, seed)
    changed = torch.cat([scale * codes[:, order], torch.full((len(codes), 1), 3.0)], 1)
    before, after = irs(codes, FACTORS), irs(changed, FACTORS)
    assert after.irs == pytest.approx(before.irs)
    torch.testing.assert_close(after.matrix[:4], before.matrix[order])
    assert bool(after.matrix[4].isnan().all())
    assert bool(after.by_dimension[4].isnan())


@settings(max_examples=10)
@given(seeds)
def test_doubled_dimensions_change_nothing_and_a_scale_changes_weights_alone(mixed: Made, seed: int) -> None:
    codes = mixed(FACTORS, 4, seed)
    before, doubled = irs(codes, FACTORS), irs(torch.cat([codes, codes], 1), FACTORS)
    assert doubled.irs == pytest.approx(before.irs)
    heavy = irs(codes * torch.tensor([1e6, 1, 1, 1]), FACTORS)
    torch.testing.assert_close(heavy.matrix, before.matrix)
    assert heavy.irs == pytest.approx(float(before.by_dimension[0]), abs=1e-4)


def test_a_rotation_lowers_it() -> None:
    turned = FACTORS[:, :2].double() @ torch.tensor([[1.0, 0.75], [-1.0, 0.75]], dtype=torch.float64)
    assert irs(turned, FACTORS[:, :2]).irs < 0.7


def test_values_that_one_image_has_do_not_count(mixed: Made) -> None:
    codes, factors = mixed(FACTORS, 4, 0), FACTORS.clone()
    factors[:20, 0] = torch.arange(3, 23)
    kept = slice(20, None)
    largest = (codes - codes.mean(0)).abs().amax(0)
    among = (codes[kept] - codes[kept].mean(0)).abs().amax(0)
    expected = 1 - (1 - irs(codes[kept], factors[kept]).matrix[:, 0]) * among / largest
    torch.testing.assert_close(irs(codes, factors).matrix[:, 0], expected)
