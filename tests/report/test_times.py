"""Where the time went, from a phase's metrics."""

from __future__ import annotations

from typing import Any

import pytest

from semreg.report.times import time_section
from semreg.store.record import PhaseMetrics


def phase(totals: list[float], **more: Any) -> PhaseMetrics:
    """A phase with a record every ten iterations; half of each iteration is data."""
    places = [10 * (k + 1) for k in range(len(totals))]
    parts = {part: [(at, total / 2) for at, total in zip(places, totals, strict=True)] for part in ("late", "data")}
    return PhaseMetrics(seconds_per_iteration=parts, **more)


def test_nothing_measured_is_no_section() -> None:
    assert time_section({}) is None
    assert time_section({"main": PhaseMetrics(seconds=3.0)}) is None


def test_means_are_weighted_by_iterations_and_missing_parts_count_as_none() -> None:
    measured = PhaseMetrics(
        seconds_per_iteration={"read": [(10, 0.0)], "forward": [(10, 0.4), (40, 0.2)], "exchange": [(40, 0.1)]},
        seconds=20.0,
        seconds_of={"validation": 3.0},
    )
    section = time_section({"main": measured, "old": PhaseMetrics()})
    assert section is not None
    parts, phases = section.tables
    assert parts.title == "main"
    assert [row[0] for row in parts.rows] == ["read", "forward", "exchange", "all"]
    assert [row[1] for row in parts.rows] == pytest.approx([0, 250, 75, 325])
    assert [row[2] for row in parts.rows] == pytest.approx([0, 76.923, 23.077, 100], abs=1e-3)
    assert phases.columns == ["phase", "time", "iterations", "validation", "rest"]
    assert phases.rows == [["main", "20s", "65.0 %", "15.0 %", "20.0 %"]]


def test_parts_that_are_more_than_the_whole_leave_no_rest() -> None:
    section = time_section({"main": phase([1.0], seconds=2.0)})
    assert section is not None
    assert section.tables[-1].rows == [["main", "10s", "100.0 %", "–"]]
    nothing = time_section({"main": phase([0.0])})
    assert nothing is not None
    assert nothing.tables[0].rows == [["all", 0.0, 100.0]]


@pytest.mark.parametrize(
    ("totals", "said"),
    [
        ([9.0] + [1.0] * 10 + [1.5] * 4, "50 % more time"),
        ([9.0] + [1.0] * 10 + [0.5] * 4, "50 % less time"),
        ([9.0] + [1.0] * 14, None),
        ([1.0] * 4 + [9.0] * 4, None),
    ],
    ids=["slower", "faster", "first", "few"],
)
def test_phases_that_grow_slower_are_drawn_over_time(totals: list[float], said: str | None) -> None:
    section = time_section({"main": phase(totals)})
    assert section is not None
    captions = [picture.caption for picture in section.pictures[1:]]
    assert captions == (
        [] if said is None else [f"Iterations of the last quarter took {said} than those of the first."]
    )


def test_a_little_of_a_phase_is_not_said_to_be_none() -> None:
    section = time_section({"main": phase([1.0], seconds=10.0, seconds_of={"validation": 0.005})})
    assert section is not None
    assert section.tables[-1].rows == [["main", "10s", "100.0 %", "< 0.1 %", "–"]]
