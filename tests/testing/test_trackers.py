"""The kit finds what is wrong with trackers, and says so by name."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest

from semreg.core import RecordedRun
from semreg.testing import check_tracker


def test_one_that_only_looks_passes_and_has_seen_a_run_s_life() -> None:
    seen: list[RecordedRun] = []

    def looking(run: RecordedRun) -> str:
        """Look at a run."""
        seen.append(run)
        return f"run {run.hash}"

    check_tracker(looking)
    assert {run.state for run in seen} == {"running", "stopped", "finished", "failed"}
    counts = [len(run.points) for run in seen]
    assert any(later < earlier for earlier, later in itertools.pairwise(counts)), "a log is cut"
    assert any(len(value) > 5_000 for run in seen for value in run.about.values())
    assert any(math.isnan(figure) for run in seen for figure in run.figures.values())


def writes(run: RecordedRun) -> str:
    """Leave something with the run."""
    (run.folder / "sent").write_text("")
    return "here"


def changes(run: RecordedRun) -> str:
    """Change what is the run's."""
    for name in run.files:
        (run.folder / name).parent.mkdir(exist_ok=True)
        (run.folder / name).write_text("mine")
    return "here"


def says_nothing(run: RecordedRun) -> None:
    """Say nothing."""


def chats(run: RecordedRun) -> str:
    """Say too much."""
    return "one\ntwo"


def never_anew(run: RecordedRun) -> str:
    """Take for granted that a log only grows."""
    if run.state == "running" and 0 < len(run.points) < 11:
        raise ValueError("it held more before")
    return "here"


def only_ascii(run: RecordedRun) -> str:
    """Take for granted how things are called."""
    "".join(run.parameters).encode("ascii")
    return "here"


def needs_more(run: RecordedRun, project: str) -> str:
    """Want what nobody gives."""
    return project


@pytest.mark.parametrize(
    ("tracker", "found"),
    [
        (writes, "folder kept: it writes into the run's folder"),
        (changes, "folder kept: it changes a file of the run"),
        (says_nothing, "life: of a run that is running it returns None, which is not a line of text"),
        (chats, "which is not a line of text"),
        (never_anew, "life: ValueError: it held more before"),
        (only_ascii, "names: UnicodeEncodeError"),
        (needs_more, "interface: __call__ can't be called as Tracker.__call__"),
        (lambda run: "here", "documentation: "),
    ],
)
def test_what_is_wrong_is_told(tracker: Callable[..., Any], found: str) -> None:
    with pytest.raises(AssertionError) as told:
        check_tracker(tracker)
    assert found in str(told.value)
