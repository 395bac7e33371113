"""This process, which makes one run after another: the grids of tests/tables/test_making.py are made so, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from semreg.core import Problem, UserError
from semreg.core.errors import CannotWrite
from semreg.running.choices import Choices
from semreg.store.folder import RunIsBusy
from semreg.tables.executors import here
from semreg.tables.executors.here import make_here
from semreg.tables.grid import Cell


class Planned:
    """A trial that is made by a function."""

    recipe: Any = None
    choices: Any = None
    command, seed = "", 0

    def __init__(self, folder: Path, *turns: Callable[[], object]) -> None:
        self.folder, self.turns, self.to_do = folder, list(turns), True
        self.plan: Any = type("Plan", (), {"name": folder.name})

    def read(self) -> Cell:
        return Cell(0, self.folder, "not begun" if self.to_do else "finished")


class NoMore:
    """All trials are known before."""

    def __init__(self, total: int) -> None:
        self.total = total

    def left(self, to_do: Sequence[int]) -> int:
        return len(to_do)

    def more(self, free: int) -> Sequence[int]:
        return ()

    def given_up(self, k: int) -> str:
        return ""


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[tuple[int, str, str]]]:
    """`make(turns, …)` makes trials, each by what it does when its turn comes; what is told."""
    pending: list[Planned] = []

    def run_recipe(recipe: Any, choices: Any, command: str, *, wait: bool) -> None:
        trial = next(one for one in pending if one.command == command)
        trial.turns.pop(0)()
        trial.to_do = False

    def make(*given: list[Callable[[], object]]) -> list[tuple[int, str, str]]:
        pending[:] = [Planned(tmp_path / f"{k}", *turns) for k, turns in enumerate(given)]
        for k, trial in enumerate(pending):
            trial.command = str(k)
        told: list[tuple[int, str, str]] = []
        try:
            make_here(
                pending,
                range(len(pending)),
                Choices(device="cpu"),
                lambda k, cell: told.append((k, cell.state, cell.reason)),
                NoMore(len(pending)),
            )
        finally:
            make.told = told  # type: ignore[attr-defined]
        return told

    monkeypatch.setattr(here, "run_recipe", run_recipe)
    return make


def raises(error: BaseException) -> Callable[[], object]:
    def raised() -> None:
        raise error

    return raised


def test_one_after_another_and_one_that_fails_hinders_no_other(
    make: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    mistakes = UserError("recipe", [Problem("a", "is odd"), Problem("b", "is even")])
    assert make([raises(mistakes)], [raises(KeyError("k"))], [lambda: None]) == [
        (0, "failed", "a is odd; b is even"), (1, "failed", "KeyError: 'k'"), (2, "finished", ""),
    ]  # fmt: skip
    said = capsys.readouterr().err
    assert "3/3  2 · seed 0" in said
    assert "0: failed: a is odd; b is even; the other runs continue" in said


def test_one_that_is_busy_has_its_turn_last(make: Callable[..., Any]) -> None:
    told = make([raises(RunIsBusy("", "another")), lambda: None], [lambda: None])
    assert [k for k, _, _ in told] == [1, 0]


def test_more_are_asked_for_when_all_have_been_made(
    make: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = [Planned(tmp_path / "0")]
    trials[0].to_do = False
    told: list[int] = []

    class Further(NoMore):
        def more(self, free: int) -> list[int]:
            assert free == 1
            if len(trials) == 3:
                return []
            trials.append(Planned(tmp_path / f"{len(trials)}"))
            trials[-1].to_do = False
            return [len(trials) - 1]

    make_here(trials, [0], Choices(device="cpu"), lambda k, cell: told.append(k), Further(3))
    assert told == [0, 1, 2]
    assert "1/3  0 · seed 0" in capsys.readouterr().err


def test_where_all_ends_the_run_is_told_as_it_stands(make: Callable[..., Any]) -> None:
    with pytest.raises(KeyboardInterrupt):
        make([lambda: None], [raises(KeyboardInterrupt())], [lambda: None])
    assert make.told == [(0, "finished", ""), (1, "not begun", "")]  # type: ignore[attr-defined]


def test_a_table_that_cannot_be_written_does_not_hide_what_happened(tmp_path: Path, make: Callable[..., Any]) -> None:
    trial = Planned(tmp_path / "0")
    trial.to_do = False

    def told(k: int, cell: Cell) -> None:
        raise CannotWrite("runs", "no room")

    with pytest.raises(CannotWrite, match="no room"):
        make_here([trial], [0], Choices(device="cpu"), told, NoMore(1))
