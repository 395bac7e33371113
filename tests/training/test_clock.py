"""The clock adds up what each part of an iteration takes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semreg.training.clock import MEASURED_ON_GPU, PARTS, Clock

laps = st.lists(st.tuples(st.sampled_from(PARTS), st.integers(0, 1000)), max_size=6)


class Told(Clock):
    """A clock that is told what time it is."""

    time = 0.0

    def _now(self) -> float:
        return self.time


def iterate(clock: Told, iteration: int, parts: list[tuple[str, int]]) -> None:
    clock.start(iteration)
    for part, seconds in parts:
        clock.time += seconds
        clock.lap(part)


@given(st.lists(laps, min_size=1, max_size=4))
def test_means_are_seconds_per_iteration_since_they_were_last_asked_for(
    iterations: list[list[tuple[str, int]]],
) -> None:
    clock = Told(torch.device("cpu"))
    for _ in range(2):
        for number, parts in enumerate(iterations):
            iterate(clock, number, parts)
            clock.time += 5  # between iterations, which is no part of any
        expected = {part: sum(s for parts in iterations for p, s in parts if p == part) for part in PARTS}
        means = {part: pytest.approx(total / len(iterations), abs=1e-6) for part, total in expected.items() if total}
        assert clock.means() == means
    assert clock.means() == {}


def test_on_a_gpu_few_iterations_are_waited_for() -> None:
    clock = Told(torch.device("cuda"))
    for number in range(2 * MEASURED_ON_GPU):
        iterate(clock, number, [("forward", 3 if number % MEASURED_ON_GPU == 0 else 1000)])
    assert clock.means() == {"forward": 3}
    for number in range(1, MEASURED_ON_GPU):
        iterate(clock, number, [("forward", 1000)])
    assert clock.means() == {}


def test_nothing_is_measured_while_it_is_paused() -> None:
    clock = Told(torch.device("cpu"))
    clock.start(0)
    with clock.paused():
        clock.time += 5
        clock.lap("forward")
    clock.lap("captured")
    assert clock.means() == {"captured": 5.0}
