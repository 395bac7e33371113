"""A grid that was made and is made again: with other evaluations, with recipes that train the same, damaged."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pluggy
import pytest

import semreg
from semreg.core import Result, UserError, plugin_manager
from semreg.report.writing import ReportWriter
from semreg.store.layout import RESULTS_OF_RECIPES
from semreg.tables import growing
from semreg.tables.grid import Grid
from semreg.tables.making import MadeTable
from semreg.trained.run import TensorHandle
from semreg.training.phase import PhaseRunner
from tests.tables.conftest import SCORED

Toy = Callable[..., Path]
Make = Callable[..., MadeTable]

MORE = f"""{SCORED}
[evaluate.more]
use = "counted(z)"
"""


@pytest.fixture(autouse=True)
def reports_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs with reports and without progress bars."""

    def load_hooks(warn: Callable[[str], None]) -> pluggy.PluginManager:
        manager = plugin_manager.no_hooks()
        plugin_manager.add_plugin(manager, ReportWriter, "report")
        return manager

    monkeypatch.setattr(plugin_manager, "load_hooks", load_hooks)


@pytest.fixture
def counted(register: Callable[[str, str, Any], None]) -> list[int]:
    """The seeds of the runs for which the evaluation `counted` was done."""
    seeds: list[int] = []

    def counted(z: TensorHandle) -> Result:
        seeds.append(z.run.seed)
        return Result({"calls": float(len(seeds))})

    register("evaluation", "counted", counted)
    return seeds


def results_of(table: MadeTable) -> dict[Path, int]:
    """When each result of a table's runs was written."""
    files = (file for _, cell in table.grid.cells for file in cell.folder.glob("evaluations/*/result.json"))
    return {file: file.stat().st_mtime_ns for file in files}


def test_one_more_evaluation_is_all_that_is_done_and_no_step_is_trained(
    make: Make, toy: Toy, made: list[str], counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make([toy(SCORED, "plain.toml")], seeds=2)
    before = results_of(first)
    made.clear()
    monkeypatch.setattr(PhaseRunner, "iterate", None)
    table = make([toy(MORE, "plain.toml")], seeds=2)
    assert made == ["plain:0", "plain:1"]
    assert counted == [0, 1]
    assert table.folder == first.folder
    assert [list(cell.results) for _, cell in table.grid.cells] == [["probe", "more"]] * 2
    after = results_of(table)
    assert after.items() > before.items()
    assert len(after) == 4
    assert "## more" in (table.folder / "table.md").read_text()
    made.clear()
    make([toy(MORE, "plain.toml")], seeds=2)
    assert made == []


def test_a_row_whose_run_another_recipe_has_trained_has_evaluations_and_a_report_of_its_own(
    make: Make, toy: Toy, counted: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = semreg.run(toy(MORE, "first.toml"), out=tmp_path / "runs", device="cpu").folder
    monkeypatch.setattr(PhaseRunner, "iterate", None)
    second = toy(f'description = "As it was"\n{SCORED}', "second.toml")
    assert all(cell.finished for _, cell in make([second], only_finished=True).grid.cells), "by the first's evaluation"
    table = make([second])
    [cell] = table.grid.rows[0].cells
    assert (cell.folder, list(cell.results)) == (trained, ["probe"])
    assert counted == [0]
    page = (table.folder / "table.html").read_text()
    assert f"../../{trained.name}/report-second.html" in page
    assert "<h3>more</h3>" in (trained / "report.html").read_text()
    assert ">more</a>" not in (trained / "report-second.html").read_text()


def test_two_rows_that_train_the_same_are_one_run(make: Make, toy: Toy, made: list[str], counted: list[int]) -> None:
    table = make([toy(SCORED, "plain.toml"), toy(f"{MORE}", "more.toml")], seeds=2)
    assert made == ["plain:0", "more:0", "plain:1", "more:1"]
    plain, more = (row.cells for row in table.grid.rows)
    assert [cell.folder for cell in plain] == [cell.folder for cell in more]
    assert [list(cell.results) for cell in (*plain, *more)] == [["probe"]] * 2 + [["probe", "more"]] * 2
    assert counted == [0, 1]
    assert len({cell.folder.name for cell in plain}) == 2
    made.clear()
    assert make([toy(f"{MORE}", "more.toml"), toy(SCORED, "plain.toml")], seeds=2).grid.rows[1].cells == plain
    assert made == []


def test_a_run_that_lacks_an_evaluation_is_not_finished(
    make: Make, toy: Toy, counted: list[int], made: list[str]
) -> None:
    make([toy(SCORED, "plain.toml")], seeds=[3])
    path = toy(MORE, "plain.toml")
    with pytest.raises(UserError, match="none of these 2 runs is finished; leave out --only-finished"):
        make([path], seeds=[2, 3], only_finished=True)
    assert made == ["plain:3"]
    make([path], seeds=[2])
    table = make([path], seeds=[2, 3], only_finished=True)
    assert [cell.reason for _, cell in table.grid.cells] == ["", "still to be evaluated: more"]
    assert "plain · seed 3 (stopped" in (table.folder / "table.md").read_text()
    assert counted == [2]


def test_each_run_keeps_the_command_that_makes_it_alone(make: Make, toy: Toy, tmp_path: Path) -> None:
    path = toy(SCORED, "plain.toml")
    table = make([path], seeds=2, overrides=["seed=5"], command="semreg table ...")
    commands = [json.loads((cell.folder / "run.json").read_text())["command"] for _, cell in table.grid.cells]
    assert [shlex.split(command) for command in commands] == [
        [
            "semreg", "run", str(path), "--set", "seed=5", "--seed", str(seed),
            "--device", "cpu", "--out", str(tmp_path / "runs"),
        ]
        for seed in (0, 1)
    ]  # fmt: skip


# --- damaged ---


def test_a_damaged_evaluation_is_said_and_done_again_once_it_is_removed(
    make: Make, two: list[Path], made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make(two)
    made.clear()
    [result] = table.grid.rows[0].cells[0].folder.glob("evaluations/probe-*/result.json")
    result.write_text("{")
    again = make(two)
    assert made == []
    assert [cell.state for _, cell in again.grid.cells] == ["damaged", "finished"]
    assert "holds no readable result of an evaluation" in (again.folder / "table.md").read_text()
    shutil.rmtree(result.parent)
    monkeypatch.setattr(PhaseRunner, "iterate", None)
    assert all(cell.finished for _, cell in make(two).grid.cells)
    assert made == ["plain:None"]


def test_a_damaged_index_of_evaluations_is_said_and_written_anew_once_it_is_removed(
    make: Make, two: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make(two).grid.rows[0].cells[0].folder / RESULTS_OF_RECIPES
    whole = index.read_text()
    index.write_text('{"plain": ["../../x"]}')
    monkeypatch.setattr(PhaseRunner, "iterate", None)
    damaged, other = (cell for _, cell in make(two).grid.cells)
    assert (damaged.state, other.state) == ("failed", "finished")
    assert damaged.reason.endswith("folders; remove it, and the run's command writes it again")
    index.unlink()
    assert all(cell.finished for _, cell in make(two).grid.cells)
    assert index.read_text() == whole


@pytest.mark.parametrize(("pause", "writes"), [(0, 1 + 2 + 1), (10**9, 1 + 0 + 1)], ids=["quick", "slow"])
def test_a_table_that_takes_long_is_written_less_often_and_at_the_end(
    make: Make, two: list[Path], pause: int, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write_table = growing.write_table

    def counted(grid: Grid, folder: Path) -> str:
        written.append(sum(cell.finished for _, cell in grid.cells))
        return write_table(grid, folder)

    monkeypatch.setattr(growing, "write_table", counted)
    monkeypatch.setattr(growing, "PAUSE", pause)
    make(two)
    assert len(written) == writes
    assert (written[0], written[-1]) == (0, 2)
