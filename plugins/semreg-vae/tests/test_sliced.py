"""The sliced Wasserstein distance: plain loops, 0 for equal samples, what a shift and a scale do."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_vae.sliced import sliced_wasserstein
from torch import Tensor

seeds = st.integers(0, 2**31)


def samples(seed: int, rows: int, code: int = 3) -> Tensor:
    return torch.randn(2, rows, code, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def distance(a: Tensor, b: Tensor, seed: int = 0, directions: int = 7) -> Tensor:
    return sliced_wasserstein(a, b, directions=directions, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=25)
@given(seed=seeds, rows=st.integers(1, 6), code=st.integers(1, 4))
def test_it_is_what_loops_give(seed: int, rows: int, code: int) -> None:
    a, b = samples(seed, rows, code)
    lines = torch.randn(code, 7, generator=torch.Generator().manual_seed(seed)).double()
    total = 0.0
    for line in lines.mT:
        places = [sorted(float(row @ line) / float(line.norm()) for row in sample) for sample in (a, b)]
        total += sum((x - y) ** 2 for x, y in zip(*places, strict=True)) / rows
    assert float(distance(a, b, seed)) == pytest.approx(total / 7, rel=1e-9, abs=1e-12)


@settings(max_examples=25)
@given(seed=seeds, rows=st.integers(0, 20))
def test_equal_samples_in_any_order_have_none_and_others_no_less(seed: int, rows: int) -> None:
    a, b = samples(seed, rows)
    assert float(distance(a, a.flip(0))) == pytest.approx(0, abs=1e-20)
    assert float(distance(a, b)) >= 0
    torch.testing.assert_close(distance(a, b), distance(b, a))


@settings(max_examples=25)
@given(seed=seeds, rows=st.integers(1, 10), shift=st.floats(-5, 5), scale=st.floats(0.1, 10))
def test_moving_both_changes_nothing_and_a_scale_its_square(seed: int, rows: int, shift: float, scale: float) -> None:
    a, b = samples(seed, rows)
    torch.testing.assert_close(distance(scale * a + shift, scale * b + shift), scale**2 * distance(a, b))


def test_a_shift_counts_by_its_mean_square() -> None:
    a, _ = samples(0, 50)
    shift = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)
    assert float(distance(a, a + shift, directions=10_000)) == pytest.approx(3, rel=0.03)
