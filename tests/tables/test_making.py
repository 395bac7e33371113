"""Grids of real runs on toy data: what is made, what is left alone, what is refused."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

import semreg
from semreg.core import DataMissing, UserError
from semreg.core.errors import CannotWrite
from semreg.store.collection import collection
from semreg.tables.grid import Grid, Plot, Row
from semreg.tables.making import MadeTable, chosen_seeds
from semreg.training.phase import PhaseRunner
from tests.conftest import ToyData
from tests.tables.conftest import SCORED, finished

Toy = Callable[..., Path]
Make = Callable[..., MadeTable]

pytestmark = pytest.mark.usefixtures("no_hooks")

LATER = """
order = ["main", "later"]
[phases.later]
epochs = 1
train = { decoder = { rec = 1 } }
"""


def test_a_grid_is_made_seed_by_seed_and_then_left_alone(
    make: Make, two: list[Path], made: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = make(two, seeds=2, command="semreg table …")
    assert made == ["plain:0", "better:0", "plain:1", "better:1"]
    said = capsys.readouterr().err
    assert f"4 of 4 runs to do; the table grows in {table.folder}" in said
    assert "3/4  plain · seed 1" in said
    text = (table.folder / "table.md").read_text()
    assert "0.0500 ± 0.0707" in text
    assert "0.5500 ± 0.0707" in text
    assert "5, 5" in text
    assert "semreg table …" in text
    assert table.folder.parent == tmp_path / "runs" / "tables"
    assert len(collection(tmp_path / "runs").runs) == 4
    made.clear()
    again = make(two, seeds="0,1")
    assert made == []
    assert again.grid.rows == table.grid.rows
    assert "runs to do" not in capsys.readouterr().err
    make(two, seeds=3)
    assert made == ["plain:2", "better:2"]


def test_what_is_returned_shows_itself_in_a_line_and_in_a_notebook_as_its_tables() -> None:
    row = Row("vae", "A VAE", finished(Path("runs"), "vae", [0.5, 0.7]))
    plots = (Plot("probe.accuracy", "probe.spare"),)
    table = MadeTable(Grid("toys", (row,), plots=plots), Path("runs/tables/toys-abc"))
    assert repr(table) == "<table toys: 1 recipe × 2 seeds, in runs/tables/toys-abc>"
    shown = table._repr_markdown_()
    assert re.search(r"\| A VAE \| 0.6000 ± 0.1414 \|", re.sub(" +", " ", shown))
    assert "![" not in shown, "the files of pictures are not beside a notebook"


def test_a_grid_is_judged_on_test_or_on_validation_images(make: Make, two: list[Path], made: list[str]) -> None:
    cut = {"overrides": ["data.split.validation=0.25"]}
    validated = make(two, judge_on="validation", **cut)
    tested = make(two, **cut)
    assert made == ["plain:None", "better:None"] * 2
    assert validated.folder != tested.folder
    assert [cell.folder for _, cell in validated.grid.cells] == [cell.folder for _, cell in tested.grid.cells]
    assert (validated.grid.judged_on, tested.grid.judged_on) == ("validation", "test")
    texts = [(table.folder / "table.md").read_text() for table in (validated, tested)]
    assert ["Judged on the validation images" in text for text in texts] == [True, False]
    made.clear()
    for judge_on, table in (("validation", validated), ("test", tested)):
        again = make(two, judge_on=judge_on, only_finished=True, **cut)
        assert (again.grid.rows, again.folder) == (table.grid.rows, table.folder)
    assert made == []
    [cell, _] = [cell for _, cell in validated.grid.cells]
    assert cell.results["probe"].paper == {}


def test_a_grid_without_images_to_judge_on_is_refused_before_its_first_run(
    make: Make, two: list[Path], made: list[str]
) -> None:
    with pytest.raises(UserError, match="no validation images to judge on") as refused:
        make(two, judge_on="validation")
    assert len(refused.value.problems) == 1
    assert all(name in refused.value.source for name in ("plain.toml", "better.toml"))
    assert made == []


def test_runs_made_by_run_count(make: Make, two: list[Path], made: list[str], tmp_path: Path) -> None:
    run = semreg.run(two[0], seed=1, out=tmp_path / "runs", device="cpu")
    own = semreg.run(two[1], out=tmp_path / "runs", device="cpu")
    table = make(two, seeds=[1])
    assert made == ["better:1"]
    assert table.grid.rows[0].cells[0].folder == run.folder
    made.clear()
    without_seeds = make(two[1:], overrides=())
    assert made == []
    assert [cell.folder for _, cell in without_seeds.grid.cells] == [own.folder]
    assert without_seeds.folder.name.startswith("better-")
    make(two[1:], overrides=["seed=3"])
    assert made == ["better:None"]


def test_only_what_is_finished(make: Make, two: list[Path], made: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of these 4 runs is finished"):
        make(two, seeds=2, only_finished=True)
    assert not (tmp_path / "runs").exists()
    semreg.run(two[0], seed=1, out=tmp_path / "runs", device="cpu")
    table = make(two, seeds=2, only_finished=True)
    assert made == []
    assert [cell.state for _, cell in table.grid.cells] == ["not begun", "finished", "not begun", "not begun"]
    assert "3 of 4 runs not finished" in (table.folder / "table.md").read_text()


def test_finished_runs_need_their_data_no_more(
    make: Make, toy: Toy, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toy(SCORED, "plain.toml")
    make([path])
    made.clear()

    def locate(self: ToyData) -> None:
        raise DataMissing("", "ToyData not found (looked for toy.bin)")

    monkeypatch.setattr(ToyData, "locate", locate)
    with pytest.raises(DataMissing, match=r"looked for toy\.bin"):
        make([path])
    table = make([path], only_finished=True)
    assert [cell.state for _, cell in table.grid.cells] == ["finished"]
    assert made == []


def test_a_fallback_is_said(make: Make, toy: Toy) -> None:
    text = f'extends = "base.toml"\n[data]\nmissing = true\n[fallback.data]\nmissing = false\n{SCORED}'
    table = make([toy(text, "fallen.toml"), toy(SCORED, "there.toml")])
    shown = (table.folder / "table.md").read_text()
    assert "Using the recipe's fallback data set, toy, instead" in shown.partition("## probe")[0]
    with pytest.raises(UserError, match="looked for"):
        make([toy(text, "fallen.toml")], fallback=False)


def test_an_evaluation_that_fails_hinders_nothing_else_and_is_tried_again(
    make: Make, toy: Toy, made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    failing = toy(f"optimizer.lr = 0.02\n{SCORED}fails = 1\n[evaluate.more]\nuse = 'scored(z)'\n", "failing.toml")
    paths = [failing, toy(SCORED, "plain.toml")]
    table = make(paths, seeds=2)
    assert made == ["failing:0", "plain:0", "failing:1", "plain:1"]
    assert all(cell.finished for _, cell in table.grid.cells)
    assert [list(cell.results) for cell in table.grid.rows[0].cells] == [["probe", "more"], ["more"]]
    text = (table.folder / "table.md").read_text()
    assert "0.0000 (1/2)" in text
    assert "failing · seed 1 probe failed: nothing to \\| score" in text
    assert "evaluation 'probe' failed: nothing to | score" in capsys.readouterr().err
    made.clear()
    assert make(paths, seeds=2).grid.rows[0].cells[1].failed
    assert made == ["failing:1"]


def test_a_run_that_fails_hinders_no_other_and_is_tried_again(
    make: Make, two: list[Path], made: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    iterate = PhaseRunner.iterate

    def broken(self: PhaseRunner, iteration: int) -> None:
        if (self.setting.plan.name, self.setting.seed) == ("plain", 0):
            raise TypeError("a plugin's fault")
        iterate(self, iteration)

    with monkeypatch.context() as patch:
        patch.setattr(PhaseRunner, "iterate", broken)
        table = make(two, seeds=2)
    assert made == ["plain:0", "better:0", "plain:1", "better:1"]
    assert [cell.state for _, cell in table.grid.cells] == ["failed", "finished", "finished", "finished"]
    assert "plain · seed 0 failed: TypeError: a plugin's fault" in (table.folder / "table.md").read_text()
    assert "failed: TypeError: a plugin's fault; the other runs continue" in capsys.readouterr().err
    made.clear()
    assert all(cell.finished for _, cell in make(two, seeds=2).grid.cells)
    assert made == ["plain:0"]


def test_a_loss_that_is_not_finite_fails_its_run_alone(make: Make, toy: Toy) -> None:
    diverging = toy(f"optimizer.lr = 1e20\n{SCORED}", "diverging.toml")
    table = make([diverging, toy(SCORED, "plain.toml")])
    assert [cell.state for _, cell in table.grid.cells] == ["failed", "finished"]
    assert "in phase 'main'" in table.grid.rows[0].cells[0].reason


def test_an_interrupt_ends_the_grid_and_the_same_call_goes_on(
    make: Make, toy: Toy, made: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    paths = [toy(SCORED, "plain.toml"), toy(f"{LATER}{SCORED}", "longer.toml")]
    iterate = PhaseRunner.iterate

    def interrupted(self: PhaseRunner, iteration: int) -> None:
        if self.phase.name == "later":
            os.kill(os.getpid(), signal.SIGINT)
        iterate(self, iteration)

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(PhaseRunner, "iterate", interrupted)
        with pytest.raises(KeyboardInterrupt, match="the same command resumes from the last checkpoint"):
            make(paths, seeds=2)
    assert signal.getsignal(signal.SIGINT) is before
    assert made == ["plain:0", "longer:0"]
    (folder,) = (tmp_path / "runs" / "tables").iterdir()
    states = [run["state"] for row in json.loads((folder / "table.json").read_text())["rows"] for run in row["runs"]]
    assert states == ["finished", "not begun", "stopped", "not begun"]
    made.clear()
    table = make(paths, seeds=2)
    assert made == ["longer:0", "plain:1", "longer:1"]
    assert table.folder == folder
    assert all(cell.finished for _, cell in table.grid.cells)


@pytest.mark.skipif(not dist.is_available() or not dist.is_gloo_available(), reason="PyTorch has no gloo here")
def test_several_processes_make_a_grid_and_the_first_writes_it(tmp_path: Path) -> None:
    recipe = tmp_path / "digits.toml"
    source = Path(__file__).parents[2] / "recipes" / "vae_digits.toml"
    recipe.write_text(f'extends = "{source}"\nwithout = ["evaluate.samples"]\nphases.main.epochs = 1\n')
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "semreg", "table"]
    done = subprocess.run(
        [*command, str(recipe), "--seeds", "2", "--device", "cpu", "--out", str(tmp_path / "runs")],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("# digits: 1 recipe × 2 seeds") == 1
    assert done.stderr.count("2/2  digits · seed 1") == 1
    assert "finished: 2 of 2 runs" in done.stdout


# --- refused before anything is trained ---


def test_mistakes_of_all_recipes_come_together(make: Make, toy: Toy, made: list[str], tmp_path: Path) -> None:
    paths = [
        toy(SCORED, "good.toml"),
        toy('[losses.rec]\nuse = "l2(reconstruction, imagg)"', "first.toml"),
        toy("optimizer.lr = true\nphases.main.epochs = 0", "second.toml"),
        tmp_path / "none.toml",
    ]
    with pytest.raises(UserError) as refused:
        make(paths)
    text = str(refused.value)
    assert text.startswith("3 recipes: ")
    assert "first.toml losses.rec" in text
    assert "second.toml phases.main.epochs" in text
    assert "none.toml" in text
    assert made == []
    assert not (tmp_path / "runs").exists()


def test_shapes_that_do_not_fit_are_found_before_the_first_run(
    make: Make, toy: Toy, made: list[str], tmp_path: Path
) -> None:
    unfit = toy('[losses.rec]\nuse = "l2(reconstruction, point)"', "unfit.toml")
    with pytest.raises(UserError, match=r"unfit\.toml"):
        make([toy(SCORED, "good.toml"), unfit])
    assert made == []
    assert not (tmp_path / "runs").exists()


def test_rows_must_be_different_recipes(make: Make, toy: Toy, tmp_path: Path) -> None:
    path = toy(SCORED, "one.toml")
    (tmp_path / "other").mkdir()
    same_name = tmp_path / "other" / "one.toml"
    same_name.write_text(f'extends = "../base.toml"\noptimizer.lr = 0.5\n{SCORED}')
    with pytest.raises(UserError, match=r"has the name of .*one\.toml"):
        make([path, same_name])
    with pytest.raises(UserError, match=r"has the name of .*one\.toml"):
        make([path, path])


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"against": "bettr"}, "did you mean 'better'"),
        ({"name": "a/b"}, "'a/b' names a folder"),
        ({"figures": ["prob.*"]}, "begins with no evaluation; did you mean 'probe'"),
        ({"plots": ["probe.loss"]}, "'probe.loss': write X:Y"),
        ({"plots": ["probe.loss:prob.accuracy"]}, "'prob.accuracy' is a figure of no evaluation; did you mean"),
        ({"precision": "fp8"}, "not one of fp32, bf16, fp16"),
        ({"device": "tpu"}, "'tpu' is not a device that semreg computes on; expected auto, cpu and cuda"),
        ({"seeds": 0}, "0: write a number"),
    ],
    ids=["against", "name", "figures", "plots", "plots of evaluations", "precision", "device", "seeds"],
)
def test_choices_that_do_not_fit(
    make: Make, two: list[Path], made: list[str], tmp_path: Path, choices: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make(two, **choices)
    assert made == []
    assert not (tmp_path / "runs").exists()
    with pytest.raises(UserError, match="at least one recipe"):
        make([])


def test_a_folder_that_cannot_be_written_is_found_before_the_first_run(
    make: Make, two: list[Path], made: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite):
        make(two, out=tmp_path / "file")
    assert made == []


# --- seeds ---


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("3", [0, 1, 2]), ("0,5,2", [0, 5, 2]), ("5,", [5]), (" 1, 2 ", [1, 2]), (2, [0, 1]), ((7,), [7]), (None, None)],
    ids=str,
)
def test_seeds(text: Any, seeds: list[int] | None) -> None:
    assert chosen_seeds(text) == seeds


@pytest.mark.parametrize(
    "text",
    ["0", "1,1", "x", "", "-1", "1,,2", "1.5", ",", "1001", "²", 0, True, [], [0, 0]],
    ids=repr,
)
def test_seeds_that_are_none(text: Any) -> None:
    with pytest.raises(UserError, match=r"--seeds: .*: write a number, as in --seeds 3 for 0, 1 and 2"):
        chosen_seeds(text)
