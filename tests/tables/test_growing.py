"""A table as it grows: what is kept of its cells. Grids that are made are in test_making.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from semreg.running.choices import Choices
from semreg.tables.grid import Cell
from semreg.tables.growing import TABLES, GridRun, Growing, Wanted
from semreg.tables.making import planned_runs


@pytest.fixture
def runs(toy: Callable[..., Path], tmp_path: Path) -> list[GridRun]:
    """Of two seeds of a recipe, none of which is begun."""
    choices = Choices(device="cpu", out=tmp_path / "runs")
    return planned_runs([toy()], (), [0, 1], Wanted(), choices)


def test_what_is_pruned_stays_so_and_all_else_is_read_anew(runs: list[GridRun]) -> None:
    growing = Growing(runs, Wanted(), runs[0].choices)
    assert [cell.state for cell in growing.cells] == ["not begun"] * 2
    growing.put(0, Cell(0, runs[0].folder, "pruned", "its losses were high"))
    growing.put(1, Cell(1, runs[1].folder, "stopped"))
    growing.write()
    assert [cell.state for cell in growing.cells] == ["pruned", "not begun"]
    text = (growing.folder / "table.md").read_text()
    assert "1 of 2 runs pruned: recipe · seed 0 (its losses were high)." in text
    assert "1 of 2 runs not finished: recipe · seed 1 (not begun)." in text


def test_all_its_runs_are_known_before(runs: list[GridRun]) -> None:
    growing = Growing(runs, Wanted(), runs[0].choices)
    assert (growing.total, growing.left([1]), list(growing.more(3)), growing.given_up(0)) == (2, 1, [], "")


def test_its_folder_is_that_of_its_runs_or_of_a_digest(runs: list[GridRun]) -> None:
    choices = runs[0].choices
    folder = Growing(runs, Wanted(), choices).folder
    assert folder.parent == choices.out / TABLES
    assert folder.name.startswith("recipe-")
    assert Growing(runs[::-1], Wanted(), choices).folder == folder
    assert Growing(runs[:1], Wanted(), choices).folder != folder
    assert Growing(runs, Wanted(), replace(choices, judge_on="validation")).folder != folder
    assert Growing(runs, Wanted(name="mine"), choices, "0a1b2c3d").folder.name == "mine-0a1b2c"
