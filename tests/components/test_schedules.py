"""The courses of learning rates, over phases of any length."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.components.schedules import constant, cosine, cyclical, linear_decay, step, warmup

lengths = st.integers(1, 300)
shares = st.floats(0, 1)


@given(shares, lengths)
def test_constant_changes_nothing(share: float, epochs: int) -> None:
    assert constant(share * epochs, epochs) == 1


@given(st.floats(0, 50), st.integers(1, 20), st.floats(0.01, 2))
def test_a_step_falls_once_in_so_many_epochs(epoch: float, every: int, gamma: float) -> None:
    expected = 1.0
    for past in range(1, math.floor(epoch) + 1):
        if past % every == 0:
            expected *= gamma
    assert step(epoch, 50, every=every, gamma=gamma) == pytest.approx(expected)


@given(shares, lengths, st.integers(0, 400))
def test_a_decay_is_a_straight_line_from_its_start_to_the_end(share: float, epochs: int, start: int) -> None:
    factor = linear_decay(share * epochs, epochs, start=start)
    if start >= epochs:
        assert factor == 1
        return
    assert factor == pytest.approx(min(1, epochs * (1 - share) / (epochs - start)), abs=1e-9)
    assert linear_decay(epochs, epochs, start=start) == 0
    assert linear_decay(start, epochs, start=start) == 1


@given(lengths, st.floats(0, 0.9), shares)
def test_a_cosine_rises_to_one_and_falls_to_its_floor(epochs: int, warm: float, floor: float) -> None:
    warmup = epochs * (warm if warm > 1e-3 else 0)
    course = [cosine(epochs * k / 60, epochs, warmup=warmup, floor=floor) for k in range(61)]
    rising = [factor for k, factor in enumerate(course) if epochs * k / 60 < warmup]
    falling = course[len(rising) :]
    assert rising == sorted(rising)
    assert all(factor == pytest.approx(epochs * k / 60 / warmup, abs=1e-4) for k, factor in enumerate(rising))
    assert falling == sorted(falling, reverse=True)
    assert cosine(warmup, epochs, warmup=warmup, floor=floor) == pytest.approx(1)
    assert course[-1] == pytest.approx(floor)
    middle = cosine((warmup + epochs) / 2, epochs, warmup=warmup, floor=floor)
    assert middle == pytest.approx((1 + floor) / 2)
    assert min(course) >= 0


def test_a_rate_is_never_quite_zero_where_it_warms_up() -> None:
    """Adam's state would begin with nothing."""
    assert 0 < cosine(0.0, 10, warmup=3.0) < 1e-6
    assert cosine(4.0, 3, warmup=5.0) == pytest.approx(4 / 5)


@given(lengths, st.floats(0.01, 50), shares)
def test_a_warmup_is_a_straight_line_to_one(epochs: int, length: float, share: float) -> None:
    epoch = share * epochs
    assert warmup(epoch, epochs, warmup=length) == (epoch / length if epoch < length else 1)
    assert warmup(0.0, epochs, warmup=length) == 0


@given(lengths, st.integers(1, 9), st.floats(0.05, 1), st.integers(0, 999))
def test_cycles_rise_evenly_and_stay(epochs: int, cycles: int, rising: float, place: int) -> None:
    """Fu et al. (2019), Eq. 6 and 7, in iterations: a thousand a cycle."""
    for cycle in range(cycles):
        epoch = (cycle + (place + 0.5) / 1000) * epochs / cycles
        tau = (place + 0.5) / 1000
        expected = tau / rising if tau <= rising else 1
        assert cyclical(epoch, epochs, cycles=cycles, rising=rising) == pytest.approx(expected, abs=1e-6)
