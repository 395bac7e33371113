"""Grids that an executor makes: the same figures as here, judges once, and everything by arguments and folders."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import semreg
from semreg.core import Result, UserError
from semreg.running.choices import Choices
from semreg.store.record import known_runs, read_record
from semreg.tables.executors import coordinator, elsewhere
from semreg.tables.growing import Wanted
from semreg.tables.making import MadeTable
from semreg.tables.mixing.mix import Budget, make_mix
from semreg.trained.run import Run
from semreg.training.phase import PhaseRunner
from tests.running.faults import JUDGE
from tests.tables.conftest import SCORED
from tests.tables.turns import Turns

Toy = Callable[..., Path]
Make = Callable[..., MadeTable]

pytestmark = pytest.mark.usefixtures("no_hooks")


def test_a_grid_has_the_same_figures_as_one_that_is_made_here(
    make: Make, two: list[Path], forked: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = make(two, overrides=["optimizer.lr=0.03"], threads=1, out=tmp_path / "here")
    there = make(two, overrides=["optimizer.lr=0.03"], on="forked:3")
    assert [cell.results for _, cell in there.grid.cells] == [cell.results for _, cell in here.grid.cells]
    assert [cell.folder.name for _, cell in there.grid.cells] == [cell.folder.name for _, cell in here.grid.cells]
    assert len(forked) == 2
    said = capsys.readouterr().err
    assert "2/2  better · seed 0: begun" in said
    assert "2/2  better · seed 0: finished" in said
    for number, (_, cell) in enumerate(there.grid.cells):
        record, other = (read_record(run).record for run in (cell.folder, here.grid.cells[number][1].folder))
        for key in ("name", "hash", "recipe", "seed", "training", "threads"):
            assert record[key] == other[key]
        files = (run / "recipe.json" for run in (cell.folder, here.grid.cells[number][1].folder))
        assert len({json.dumps(json.loads(file.read_text()), sort_keys=True) for file in files}) == 1
    record = read_record(there.grid.cells[0][1].folder).record
    assert record["command"].startswith(f"semreg run {two[0]} --set optimizer.lr=0.03 --device cpu")
    assert record["command"].endswith("--threads 1"), "as a person would type it"
    assert make(two, overrides=["optimizer.lr=0.03"]).grid.rows == there.grid.rows
    assert len(forked) == 2


def test_one_that_fails_hinders_no_other_and_tells_its_reason(
    make: Make, toy: Toy, forked: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    diverging = toy(f"optimizer.lr = 1e20\n{SCORED}", "diverging.toml")
    failing = toy(f"optimizer.lr = 0.02\n{SCORED}fails = 1\n", "failing.toml")
    table = make([diverging, failing], seeds=[1], on="forked")
    assert [cell.state for _, cell in table.grid.cells] == ["failed", "finished"]
    assert "in phase 'main'" in table.grid.rows[0].cells[0].reason
    assert table.grid.rows[1].cells[0].failures == {"probe": "nothing to | score (this process)"}
    assert len(forked) == 2, "each is tried once"


def test_one_that_is_refused_before_it_has_a_folder_tells_why(
    make: Make, two: list[Path], forked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise UserError("the recipe", "is refused")

    monkeypatch.setattr("semreg.running.start.plan_for", refused)
    table = make(two[:1], on="forked")
    assert [(cell.state, cell.reason) for _, cell in table.grid.cells] == [("failed", "the recipe: is refused")]
    assert not known_runs(table.folder.parents[1])
    assert len(forked) == 1, "who is refused is not tried again"


def test_a_recipe_of_python_and_one_that_is_composed_are_made_elsewhere_too(
    make: Make, toy: Toy, forked: list[list[str]], tmp_path: Path
) -> None:
    recipe = semreg.load_recipe({"extends": str(toy(SCORED, "plain.toml")), "optimizer": {"lr": 0.5}}, name="own")
    table = make([recipe], on="forked", command="semreg.table(…)")
    (cell,) = table.grid.rows[0].cells
    assert cell.finished
    assert read_record(cell.folder).record["command"] == "semreg.table(…)"
    assert semreg.run(recipe, out=tmp_path / "runs", device="cpu", threads=1).folder == cell.folder


def test_judges_are_trained_once_before_the_runs_that_they_judge(
    make: Make, toy: Toy, register: Callable[[str, str, Any], None], forked: list[list[str]], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    cached: list[int] = []
    monkeypatch.setattr(elsewhere, "open_data", lambda plan, **_: cached.append(plan.data.options.get("count")))

    def judged(image: Any, *, judge: Run) -> Result:
        return Result(figures={"seen": float(judge.tensor("told").given(image=image.read("test")).mean())})

    register("evaluation", "judged", judged)
    toy(JUDGE, "judge.toml")
    judge = 'judge = "judge.toml"\njudge_data = {count = 50}\n'
    path = toy(f'{SCORED}[evaluate.verdict]\nuse = "judged(image)"\n{judge}', "judged.toml")
    table = make([path], seeds=2, on="forked:2")
    assert [arguments[1].rpartition("/")[2] for arguments in forked] == ["judge.toml", *["judged.toml"] * 2]
    said = capsys.readouterr().err
    assert said.index("judge judge: finished") < said.index("1/2  judged · seed 0: begun"), "though a slot was free"
    assert cached == [50], "the data of the judge, since those of the runs were opened before"
    assert all("seen" in cell.results["verdict"].figures for _, cell in table.grid.cells)
    assert len(known_runs(tmp_path / "runs")) == 3
    assert make([path], seeds=2).grid.rows == table.grid.rows


@pytest.mark.slow
def test_a_mix_is_made_elsewhere(toy: Toy, make: Make, forked: list[list[str]], tmp_path: Path) -> None:
    path = toy('[model.attributes]\nkind = "z"\n', "base_of_mix.toml")
    choices = Choices(out=tmp_path / "runs", device="cpu")
    made = make_mix(path, ["losses.l1(z, z)=0.1"], (), 1, Budget(1, 1.0), None, Wanted(on="forked"), choices)
    assert [cell.state for _, cell in made.grid.cells] == ["finished"] * 2
    again = make_mix(path, ["losses.l1(z, z)=0.1"], (), 1, Budget(1, 1.0), None, Wanted(), choices)
    assert again.grid.rows == made.grid.rows
    assert len(forked) == 2


def test_what_was_finished_before_is_counted_as_done(
    make: Make, two: list[Path], forked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []

    @contextlib.contextmanager
    def watching() -> Iterator[Callable[[list[Path], str], None]]:
        yield lambda folders, text: counted.append(text)

    monkeypatch.setattr(coordinator, "watching", watching)
    make(two[:1], threads=1)
    make(two, on="forked")
    assert len(forked) == 1
    assert counted[-1] == "2 of 2 done"


def test_an_interrupt_stops_all_and_the_same_call_goes_on_here(
    make: Make, two: list[Path], forked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    iterate, caller = PhaseRunner.iterate, os.getpid()

    def slow(self: PhaseRunner, iteration: int) -> None:
        if iteration == 2 and self.setting.plan.name == "plain":
            os.kill(caller, signal.SIGINT)
        time.sleep(0.05 * (iteration > 1))
        iterate(self, iteration)

    with monkeypatch.context() as patch:
        patch.setattr(PhaseRunner, "iterate", slow)
        with pytest.raises(KeyboardInterrupt, match="interrupted; the same command resumes from the last checkpoints"):
            make(two, on="forked")
    states = [run.current_state() for run in known_runs(two[0].parent / "runs")]
    assert states
    assert set(states) <= {"stopped", "finished"}
    assert all(cell.finished for _, cell in make(two, threads=1).grid.cells)


def test_a_search_stops_what_it_gives_up_at_a_checkpoint(
    toy: Toy, forked: list[list[str]], turns: type[Turns], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr(Turns, "gives_up", lambda self, number, epoch, loss: number == 1 and epoch > 1)
    seen = 'data.split.validation = 0.2\n[evaluate.seen]\nuse = "reconstructions"'
    recipe = toy(f'phases.main.validate.loss = "rec"\n{seen}')
    vary = {"phases.main.epochs": [1, 100_000]}
    made, again = (
        semreg.sweep(
            recipe, vary, metric="seen.mean_squared_error", search="turns:pruning", trials=3, on="forked:2",
            out=tmp_path / "runs", device="cpu",
        )
        for _ in range(2)
    )  # fmt: skip
    assert [row.cells[0].state for row in made.grid.rows] == ["finished", "pruned"]
    cell = made.grid.rows[1].cells[0]
    assert cell.reason.startswith("its validation loss was ")
    assert read_record(cell.folder).current_state() == "stopped"
    assert list((cell.folder / "checkpoints").iterdir())
    assert json.loads((made.folder / "search" / "said.json").read_text()) == ["told", "pruned", "told"]
    assert [row.cells[0].state for row in again.grid.rows] == ["finished", "pruned"]
    assert len(forked) == 2, "nothing is begun again"


# --- refused ---


def test_components_of_this_process_are_refused_elsewhere(
    make: Make, two: list[Path], tmp_path: Path, made: list[str]
) -> None:
    with pytest.raises(
        UserError, match="dataset 'toy' is registered only in this process, and 'local:2' trains in others"
    ):
        make(two, on="local:2")
    assert not (tmp_path / "runs").exists()
