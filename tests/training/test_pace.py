from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.training.pace import FEWEST, MOST, SLOWER, Pace, crowded


def test_it_says_how_slow_and_what_loses_less() -> None:
    assert crowded(3.42, 3.1, 2, threads=2) == (
        "steps take 3.4 times as long as before, and the load (3.1) exceeds the 2 cores: another process is at work "
        "here; a run with --threads 1 loses less"
    )
    said = crowded(5, 3.1, 2, threads=1)
    assert said is not None
    assert said.endswith("another process is at work here"), "one thread can't be fewer"


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


def test_a_run_is_told_once(pace: Pace) -> None:
    told = [pace.remark({"forward": seconds}) for seconds in [1.0] * FEWEST + [2.9, 3.5, 1.0, 9.0]]
    assert [said is not None for said in told] == [False] * FEWEST + [False, True, False, False]
    assert "3.5 times" in str(told[-3])


def test_a_quiet_machine_is_not_blamed(pace: Pace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (2.0, 9.0, 9.0))
    assert not any(pace.remark({"forward": seconds}) for seconds in [1.0] * FEWEST + [9.0])
    monkeypatch.delattr(os, "getloadavg")  # as on Windows
    assert pace.remark({"forward": 99.0}) is None


def test_steps_of_another_phase_and_hooks_are_not_compared(pace: Pace) -> None:
    for _ in range(FEWEST):
        assert pace.remark({"forward": 1.0}) is None
    assert pace.remark({"forward": 1.0, "hooks": 9.0}) is None
    pace.begin()
    assert not any(pace.remark({"forward": 9.0}) for _ in range(FEWEST))
    assert pace.remark({"forward": 28.0})


def test_what_was_long_ago_is_forgotten(pace: Pace) -> None:
    for seconds in [1.0] * MOST + [2.0] * MOST + [5.0]:
        assert pace.remark({"forward": seconds}) is None
