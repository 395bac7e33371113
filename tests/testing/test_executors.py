"""The kit of executors: what it takes, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from semreg.core import Needs
from semreg.tables.executors.local import Local
from semreg.testing import check_executor

GRIDS = ("failing trial", "killed worker", "killed coordinator", "two coordinators")


@pytest.mark.slow
def test_processes_of_this_machine_conform() -> None:
    check_executor(Local)


class Idle:
    """Does nothing of what it is given."""

    slots, needs = 2, Needs(threads=1)

    def __init__(self, words: str = "", *, gpu: float | None = 0.0) -> None: ...

    def submit(self, arguments: Sequence[str], needs: Needs) -> Idle:
        return self

    def state(self) -> Literal["ended"]:
        return "ended"

    def cancel(self) -> None: ...


def test_one_that_does_nothing_is_refused() -> None:
    with pytest.raises(AssertionError) as refused:
        check_executor(Idle, exempt=GRIDS)
    told = str(refused.value)
    assert "2 of 7 checks failed" in told
    assert "job: the job ended, and there is no run; its log: ''" in told
    assert "cancel: its run is running, and the job is ended" in told


class Nameless(Idle):
    def submit(self, arguments: Sequence[str], needs: Needs) -> object:  # type: ignore[override]
        return object()


def test_what_is_handed_back_must_be_a_job() -> None:
    with pytest.raises(AssertionError, match="job: Job has a method state, and this has none"):
        check_executor(Nameless, exempt={*GRIDS, "documentation", "cancel"})
