from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.training.pace import RECORDS, SLOWER, Pace, crowded


def test_it_says_how_slow_and_what_loses_less() -> None:
    assert crowded(3.42, 3.1, 2, threads=2) == (
        "steps take 3.4 times as long as before, and the load (3.1) exceeds the 2 cores: another process uses "
        "this machine; another run with --threads 1 would lose less"
    )
    said = crowded(5, 3.1, 2, threads=1)
    assert said is not None
    assert said.endswith("another process uses this machine"), "one thread can't be fewer"


@pytest.mark.parametrize(
    ("load", "threads", "processes", "advised"), [(10.0, 8, 1, 6), (10.0, 4, 2, 3), (30.0, 8, 1, 1), (8.1, 8, 1, 7)]
)
def test_it_advises_as_many_threads_as_others_leave_free(
    load: float, threads: int, processes: int, advised: int
) -> None:
    assert f"--threads {advised} " in (crowded(4, load, 8, threads, processes) or "")


@given(
    st.floats(0, 100), st.floats(0, 200), st.integers(1, 64), st.integers(1, 64), st.integers(1, 8)
)  # fmt: skip
def test_it_speaks_of_slow_steps_on_crowded_cores_alone_and_advises_fewer(
    times: float, load: float, cores: int, threads: int, processes: int
) -> None:
    said = crowded(times, load, cores, threads, processes)
    assert (said is None) == (times < SLOWER or load <= cores)
    if said is not None and threads > 1:
        advised = int(said.partition("--threads ")[2].partition(" ")[0])
        assert 1 <= advised < threads


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> Pace:
    monkeypatch.setattr(os, "getloadavg", lambda: (3.0, 0.0, 0.0), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    return Pace(threads=2)


def told(pace: Pace, *seconds: float) -> list[str]:
    """What is said of records of steps that take so long, one after the other."""
    return [said for said in (pace.remark({"forward": one}) for one in seconds) if said]


def test_a_run_is_told_once_when_most_of_the_latest_records_are_slow(pace: Pace) -> None:
    assert not told(pace, *[1.0] * RECORDS, *[2.9] * RECORDS, *[1.0] * RECORDS, 9.0, 9.0)
    assert "take 3.5 times" in told(pace, 3.5)[0]
    assert not told(pace, *[9.0] * RECORDS)


def test_steps_are_compared_with_the_best_even_after_many_slow_ones(
    pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "getloadavg", lambda: (2.0, 9.0, 9.0))  # which follows within a minute
        assert not told(pace, *[1.0] * RECORDS, *[4.0] * 1000)
    assert "take 4.0 times" in told(pace, 4.0)[0]


def test_where_no_load_is_told_nothing_is_said(pace: Pace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "getloadavg")  # as on Windows
    assert not told(pace, *[1.0] * RECORDS, *[9.0] * RECORDS)


def test_steps_of_another_phase_and_hooks_are_not_compared(pace: Pace) -> None:
    assert not told(pace, *[1.0] * RECORDS)
    assert not any(pace.remark({"forward": 1.0, "hooks": 9.0}) for _ in range(RECORDS))
    pace.begin()
    assert not told(pace, *[9.0] * RECORDS)
    assert told(pace, *[28.0] * RECORDS)


def test_steps_on_a_gpu_that_are_measured_now_and_then(pace: Pace) -> None:
    for seconds in [1.0] * RECORDS + [2.0] * RECORDS:
        assert pace.remark({}) is None, "a record without a measured iteration"
        assert not told(pace, seconds)
