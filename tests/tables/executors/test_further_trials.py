"""What a coordinator does about trials that a search adds, and those that it gives up: with made-up ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from semreg.tables.executors import coordinator
from semreg.tables.executors.coordinator import Coordinator, Work
from semreg.tables.grid import Cell
from tests.tables.executors.test_coordinator import MadeUp, MadeUpExecutor, done, nothing


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, "SECONDS_BETWEEN_ASKING", 0.001)
    monkeypatch.setattr(coordinator, "SECONDS_BETWEEN_LOOKS", 0.002)
    monkeypatch.setattr(coordinator, "write_trial", lambda trial, needs: ([trial.folder.name], needs))


def test_further_trials_are_asked_for_as_slots_become_free(tmp_path: Path) -> None:
    executor = MadeUpExecutor(tmp_path, {name: [[nothing, done]] for name in "abcde"})
    left, asked = list("bcde"), []

    def work(name: str) -> Work:
        return Work(MadeUp(tmp_path / name), lambda cell: None, name)

    def more(free: int) -> list[Work]:
        asked.append(free)
        return [work(left.pop(0)) for _ in range(min(free, len(left)))]

    made = Coordinator(executor, [work("a")], more=more, total=5)
    made.run()
    assert executor.submitted == list("abcde")
    assert executor.most == 2
    assert (made.made, made.total) == (5, 5)
    assert set(asked) == {1, 2}


def test_what_is_given_up_is_stopped_and_what_waits_is_not_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = {"a": [[nothing] * 1000], "b": [[done]], "c": [[done]], "d": [[nothing] * 1000]}
    executor, cells = MadeUpExecutor(tmp_path, plans, 1), dict[str, Cell]()

    def work(name: str, why: Callable[[], str]) -> Work:
        return Work(MadeUp(tmp_path / name), lambda cell: cells.__setitem__(name, cell), name, given_up=why)

    def poor() -> str:
        return "it is poor" if executor.submitted else ""

    def late() -> str:  # it is finished in the moment in which it is stopped
        if "d" not in executor.submitted:
            return ""
        done(tmp_path / "d")
        return "it is late"

    Coordinator(executor, [work("a", poor), work("b", poor), work("c", lambda: ""), work("d", late)]).run()
    assert executor.submitted == ["a", "c", "d"]
    assert {name: (cell.state, cell.reason) for name, cell in cells.items()} == {
        "a": ("pruned", "it is poor"), "b": ("pruned", "it is poor"), "c": ("finished", ""), "d": ("finished", ""),
    }  # fmt: skip
    assert [job.cancelled for job in executor.jobs] == [1, 0, 1]
    assert "a: it is poor; it is stopped\n" in capsys.readouterr().err
