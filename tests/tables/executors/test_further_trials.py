"""What a coordinator does about trials that a search adds, those that it gives up, and those that can't be begun."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from semreg.core import Needs, UserError
from semreg.tables.executors import coordinator
from semreg.tables.executors.coordinator import Coordinator, Work
from semreg.tables.grid import Cell
from tests.tables.executors.test_coordinator import MadeUp, MadeUpExecutor, MadeUpJob, done, lock_held, nothing


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


class Away(MadeUpExecutor):
    """Fails to begin a trial at some of the times that it is asked."""

    fails: range
    asked = 0

    def submit(self, arguments: Sequence[str], needs: Needs) -> MadeUpJob:
        self.asked += 1
        if self.asked - 1 in self.fails:
            assert lock_held(MadeUp(self.folder / arguments[0]))
            raise OSError("the queue is away")
        return super().submit(arguments, needs)


def away(folder: Path, fails: range) -> tuple[Away, Coordinator]:
    executor = Away(folder, {name: [[nothing, done]] for name in "abc"})
    executor.fails = fails
    return executor, Coordinator(executor, [Work(MadeUp(folder / name), lambda cell: None, name) for name in "abc"])


def test_what_cannot_be_begun_in_passing_waits_and_is_in_nobodys_hands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    executor, made = away(tmp_path, range(1, 40))
    made.run()
    assert executor.submitted == list("abc")
    assert made.made == 3
    assert not lock_held(MadeUp(tmp_path / "b"))
    said = "Away can't begin a run: OSError: the queue is away; waiting"
    assert capsys.readouterr().err.count(said) == 1


def test_an_executor_that_begins_nothing_any_more_ends_the_grid(tmp_path: Path) -> None:
    executor, made = away(tmp_path, range(1, 1000))
    with pytest.raises(UserError, match="Away can't begin a run: OSError: the queue is away"):
        made.run()
    assert executor.asked == 1 + coordinator.MOST_UNBEGUN + 1
    assert (tmp_path / "a" / "done").exists()
    assert not lock_held(MadeUp(tmp_path / "b"))


def test_an_executor_that_begins_not_even_the_first_ends_the_grid_at_once(tmp_path: Path) -> None:
    executor, made = away(tmp_path, range(1000))
    with pytest.raises(UserError, match="Away can't begin a run: OSError: the queue is away"):
        made.run()
    assert executor.asked == 1
