"""Any runs as one table, from their folders alone: finished or not, of whatever recipes, installed or not."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import semreg
from semreg.core import Result, UserError
from semreg.store.recipes import kept_as, write_evaluations, write_recipe
from semreg.store.results import write_result
from semreg.tables.making import MadeTable
from tests.report.test_page import Page
from tests.tables.conftest import Make
from tests.tables.test_exports import HOSTILE

Write = Callable[..., Path]
PROBE = {"probe": {"use": "linear_probe(z, digit)"}}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write("vae-1", 0.9)`: a finished run in `tmp_path / "runs"`, made up, and its folder."""

    def write(folder_name: str, accuracy: float | None, /, *, seed: int = 0, on: str = "test", **more: Any) -> Path:
        folder = tmp_path / "runs" / folder_name
        folder.mkdir(parents=True, exist_ok=True)
        recipe = {"optimizer": {"lr": 0.1}, "evaluate": PROBE} | more.pop("recipe", {})
        record = {
            "name": folder_name.partition("-")[0],
            "hash": folder_name,
            "seed": seed,
            "trained": True,
            "training": recipe | {"seed": None},
        }
        record |= {"data": {"fingerprint": "1"}, "status": "finished"} | more
        (folder / "run.json").write_text(json.dumps(record))
        (folder / "status.json").write_text(json.dumps({"state": record["status"], "message": "no memory"}))
        kept = kept_as(str(record["name"]), on)
        write_recipe(folder, kept, recipe)
        if accuracy is not None:
            right = [k < 20 * accuracy for k in range(20)]
            write_result(
                folder / "evaluations" / f"probe-{on}", Result({"accuracy": accuracy}, outcomes={"accuracy": right})
            )
            write_evaluations(folder, kept, {"probe": f"probe-{on}"}, reported=True)
        return folder

    return write


def compare(out: Path, *runs: str | Path, **more: Any) -> MadeTable:
    return semreg.compare(list(runs), out=out / "runs", **more)


def shown(made: MadeTable) -> dict[str, list[float]]:
    """The accuracies of each row, by its name."""
    return {
        row.name: [cell.results["probe"].figures["accuracy"] for cell in row.finished() if "probe" in cell.results]
        for row in made.grid.rows
    }


def test_runs_of_a_recipe_are_a_row_as_in_a_table(make: Make, two: list[Path], tmp_path: Path) -> None:
    table = make(two)
    files = [path for _, cell in table.grid.cells for path in cell.folder.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    made = compare(tmp_path, *(cell.folder for _, cell in reversed(table.grid.cells)), against="plain")
    assert {row.name: row.finished() for row in made.grid.rows} == {row.name: row.finished() for row in table.grid.rows}
    assert [(row.name, row.description) for row in made.grid.rows] == [("better", "Better"), ("plain", "")]
    text = (made.folder / "table.md").read_text()
    assert text.startswith("# compare: 2 recipes × 1 seed\n")
    assert "| optimizer.lr |" in text
    assert made.folder.parent == table.folder.parent
    assert all(path.read_bytes() == content for path, content in before.items()), "runs are left as they are"
    names = [path.name for path in (tmp_path / "runs").glob("*-*")]
    assert compare(tmp_path, *sorted(names)).folder == compare(tmp_path, "*-*").folder


def test_runs_that_are_not_finished_are_said(write: Write, tmp_path: Path) -> None:
    write("vae-1", 0.9)
    write("vae-2", None, seed=1, trained=False, status="failed")
    write("gan-1", None, trained=False, status="running")
    (write("bad-1", 0.5) / "run.json").write_text("{")
    made = compare(tmp_path, "*", name="all")
    assert shown(made) == {"bad-1": [], "gan": [], "vae": [0.9]}
    text = (made.folder / "table.md").read_text()
    assert "> **1 of 4 runs failed; the reasons are below.**" in text
    assert "> **1 of 4 runs can't be read; the reasons are below.**" in text
    assert "> **1 of 4 runs not finished: gan · seed 0 (stopped).**" in text
    assert "**vae · seed 1 failed: no memory**" in text
    assert "**bad-1 damaged: " in text, "its seed is not known"
    assert re.search(r"\| bad-1 \| +damaged \|", text)
    assert "- seeds: 0, 1\n" in text
    assert "seed 0" not in Page((made.folder / "table.html").read_text()).words().partition("bad-1")[2][:20]
    assert made.folder.name.startswith("all-")
    (write("vae-3", 0.5, seed=3) / "recipes.json").write_text("{")
    assert "**vae-3 · seed 3 damaged: " in (compare(tmp_path, "vae-*").folder / "table.md").read_text()


def test_only_seeds_make_runs_one_row(write: Write, tmp_path: Path) -> None:
    write("vae-1", 0.9)
    write("vae-2", 0.8, seed=1, fallback="not found under elsewhere", recipe={"seed": 1})
    write("vae-3", 0.7, seed=2, recipe={"optimizer": {"lr": 0.2}})
    write("vae-4", 0.6, seed=3, data={"fingerprint": "other"})
    write("vae-5", 0.5, seed=4, precision="bf16")
    write("vae-6", 0.4, continues={"run": "vae-1", "hash": "a"})
    write("vae-7", 0.3, seed=1, continues={"run": "vae-2", "hash": "b"})
    shutil.copytree(tmp_path / "runs" / "vae-2", tmp_path / "copies" / "vae-2")
    made = compare(tmp_path, "*", tmp_path / "copies" / "vae-2")
    assert shown(made) == {
        "vae-1": [0.9, 0.8],
        "vae-3": [0.7],
        "vae-4": [0.6],
        "vae-5": [0.5],
        "vae-6": [0.4, 0.3],
        "vae-2": [0.8],
    }
    (tmp_path / "runs" / "vae-1" / "report.html").write_text("")
    text = (compare(tmp_path, "vae-1", "vae-3").folder / "table.html").read_text()
    assert 'href="../../vae-1/report.html"' in text, "by the recipe's name, which is not the row's"


def test_one_run_said_twice_is_one(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write("vae-1", 0.9)
    monkeypatch.chdir(tmp_path)
    assert shown(compare(tmp_path, "vae-1", "vae-*", folder, "runs/vae-1")) == {"vae": [0.9]}


def test_each_recipe_of_a_run_is_a_row(write: Write, tmp_path: Path) -> None:
    folder = write("vae-1", 0.9)
    write_recipe(folder, "other", {"evaluate": PROBE})
    write_result(folder / "evaluations" / "probe-other", Result({"accuracy": 0.5}))
    write_evaluations(folder, "other", {"probe": "probe-other"}, reported=True)
    made = compare(tmp_path, "vae-1")
    assert shown(made) == {"vae": [0.9], "other": [0.5]}
    assert "- finished: 1 of 1 run\n" in (made.folder / "table.md").read_text(), "of two rows"


def test_results_on_validation_images_are_apart(write: Write, tmp_path: Path) -> None:
    write("vae-1", 0.9)
    write("vae-1", 0.6, on="validation")
    write("gan-1", 0.5)
    made = compare(tmp_path, "*", judge_on="validation")
    assert shown(made) == {"gan": [], "vae": [0.6]}
    assert "Judged on the validation images" in (made.folder / "table.md").read_text()
    assert made.folder != compare(tmp_path, "*").folder
    with pytest.raises(UserError, match="no run has results on validation images; there are some on test images"):
        compare(tmp_path, "gan-1", judge_on="validation")


def test_the_second_recipe_of_a_run_is_known_on_validation_images(write: Write, tmp_path: Path) -> None:
    folder = write("vae-1", 0.9)
    write_recipe(folder, "other@validation", {"description": "Another", "optimizer": {"lr": 0.5}, "evaluate": PROBE})
    write_result(folder / "evaluations" / "probe-other", Result({"accuracy": 0.5}))
    write_evaluations(folder, "other@validation", {"probe": "probe-other"}, reported=True)
    [row] = compare(tmp_path, "vae-1", judge_on="validation").grid.rows
    assert (row.name, row.description, row.recipe["optimizer"]) == ("other", "Another", {"lr": 0.5})


def test_a_sweep_whose_best_was_judged_on_test_images_too(write: Write, tmp_path: Path) -> None:
    """Validated as `a` and `b` of a sweep, two seeds each; `a` then on test images as the recipe with `--set`."""
    for seed in (0, 1):
        for name in ("a", "b"):
            recipe = {"description": f"lr = {name}", "optimizer": {"lr": name}}
            folder = write(f"{name}-{seed}", 0.5, seed=seed, on="validation", recipe=recipe)
            write_recipe(folder, name, recipe | {"evaluate": PROBE})
            if name == "a":
                write_recipe(folder, "vae", recipe | {"description": None, "evaluate": PROBE})
                write_result(folder / "evaluations" / "probe-test", Result({"accuracy": 0.4 + seed / 10}))
                write_evaluations(folder, "vae", {"probe": "probe-test"}, reported=True)
    write("vae-0", 0.7, recipe={"optimizer": {"lr": "longer"}})
    made = compare(tmp_path, "*")
    assert shown(made) == {"a": [0.4, 0.5], "b": [], "vae": [0.7]}
    assert [row.description for row in made.grid.rows] == ["lr = a", "lr = b", ""]
    text = (made.folder / "table.md").read_text()
    assert "- finished: 5 of 5 runs\n" in text
    assert (
        "> **Without figures, because never evaluated on test images: lr = b (seed 0, 1); run semreg evaluate RUN"
        in text
    )
    validated = compare(tmp_path, "*", judge_on="validation")
    assert shown(validated) == {"a": [0.5, 0.5], "b": [0.5, 0.5], "vae": []}
    text = (validated.folder / "table.md").read_text()
    assert "on validation images: vae (seed 0); run semreg evaluate RUN --judge-on validation." in text
    assert "No figure of this page uses the test split." in text


def test_what_is_not_installed_is_no_obstacle(write: Write, tmp_path: Path) -> None:
    write("vae-1", 0.9)
    write("gan-1", 0.5, recipe={"requires": ["semreg-gone"], "evaluate": {"probe": {"use": "gone(z)"}}})
    (write("odd-1", 0.4) / "recipe.json").write_text("[")
    made = compare(tmp_path, "*")
    assert shown(made) == {"gan": [0.5], "odd": [0.4], "vae": [0.9]}
    assert re.search(
        r"\| vae \| +0.9000 \|", (made.folder / "table.md").read_text()
    )  # which of both is best says nobody
    assert "No best is marked, since probe is not the same evaluation" in (made.folder / "table.md").read_text()


def test_names_of_a_stranger_are_no_markup(write: Write, tmp_path: Path) -> None:
    script = "<script>alert(1)</script> | `x`"
    write("a-1", 0.9, name=script, recipe={"description": HOSTILE, script: 3})
    write("b-1", 0.5, name="../../../up")
    made = compare(tmp_path, "*")
    text = (made.folder / "table.html").read_text()
    page = Page(text)
    assert (page.open, text.count("<script")) == ([], 1)
    assert HOSTILE in page.words()
    assert f"{script} " in page.words()
    assert sorted(path.name for path in made.folder.iterdir() if path.suffix) == [
        "table.csv", "table.html", "table.json", "table.md", "table.tex",
    ]  # fmt: skip


def test_a_record_of_anything(write: Write, tmp_path: Path) -> None:
    write("a-1", 0.9, seed=None, data=[3], training=None, name=7)
    write("b-1", 0.5, seed=[1], data=None, hash=None, recipe={"evaluate": 3, "description": ["x"]})
    deep: Any = 0
    for _ in range(900):
        deep = {"x": deep}
    write("c-1", 0.4, training=deep, recipe={"x": deep})
    write("d-1", 0.3, recipe={"x": deep})
    assert shown(compare(tmp_path, "*")) == {"7": [0.9], "b": [0.5], "c": [0.4], "d": [0.3]}


def test_what_is_no_run_is_refused(write: Write, tmp_path: Path) -> None:
    write("vae-1", 0.9)
    (tmp_path / "runs" / "tables").mkdir()
    with pytest.raises(UserError) as refused:
        compare(tmp_path, "vea-1", "x*", tmp_path / "runs" / "tables")
    assert [problem.message.partition(";")[0] for problem in refused.value.problems] == [
        f"is not a run in {tmp_path / 'runs'}",
        f"matches no run in {tmp_path / 'runs'}",
        "holds no run (there is no run.json)",
    ]
    assert "did you mean 'vae-1'?" in refused.value.text()
    for wanted, said in (
        ({"against": "vea"}, "no recipe is called 'vea'; did you mean 'vae'?"),
        ({"figures": ["knn.*"]}, "begins with no evaluation; expected one of: probe"),
        ({"figures": ["probe.x"]}, "matches no figure; expected one of: probe.accuracy"),
        ({"plots": ["probe.x:probe.accuracy"]}, "no recipe has the figure 'probe.x'"),
        ({"figures_of": ["prob"]}, "no recipe has the evaluation 'prob'; did you mean 'probe'?"),
        ({"name": "a/b"}, "names a folder"),
        ({"judge_on": "tests"}, "tests"),
    ):
        with pytest.raises(UserError, match=said.replace("?", r"\?").replace("*", r"\*")):
            compare(tmp_path, "vae-1", **wanted)
    with pytest.raises(UserError, match="a comparison needs at least one run"):
        compare(tmp_path)
