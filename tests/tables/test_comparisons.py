"""Comparisons of the runs of a table: done once, of which runs, and what is told of those that can't be."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from semreg.core import Handle, Result, Table, UserError
from semreg.pictures import image_grid
from semreg.recipe.plan import ComparisonPlan, Node, Read
from semreg.running.choices import Choices
from semreg.tables.comparisons import FOLDER, Member, compare_rows
from semreg.tables.grid import Cell, Compared, Facts
from semreg.tables.making import MadeTable

Toy = Callable[..., Path]
Make = Callable[..., MadeTable]

PICTURE = image_grid("Means", [torch.zeros(1, 1, 2, 2)])

pytestmark = pytest.mark.usefixtures("no_hooks")

RECIPE = """
[phases.main]
epochs = 1
[evaluate.probe]
use = "scored(z)"
[compare.apart]
use = "apart(z)"
"""
SLOW = f'extends = "base.toml"\ndescription = "Slow"\noptimizer.lr = 1e-5\n{RECIPE}'


@pytest.fixture
def compared(register: Callable[[str, str, Any], None]) -> list[Sequence[str]]:
    """The names of the runs of each comparison `apart` that was done, in order."""
    done: list[Sequence[str]] = []

    def apart(*codes: Handle, names: Sequence[str], split: str = "test", fails: bool = False) -> Result:
        done.append(names)
        if fails:
            raise ValueError("nothing to | compare")
        values: list[Tensor] = [code.read(split) for code in codes]
        distance = torch.stack([value - values[0] for value in values]).square().mean().sqrt()
        rows = [(name, float(value.mean())) for name, value in zip(names, values, strict=True)]
        table = Table("Of each run", ["run", "mean"], rows, "Means of codes.")
        return Result({"distance": float(distance), "runs": float(len(codes))}, tables=[table], pictures=[PICTURE])

    apart.better = {"distance": "lower"}  # type: ignore[attr-defined]
    register("comparison", "apart", apart)
    return done


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves the runs of `two`, which need not be trained for each."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def two(toy: Toy, make: Make, compared: list[Sequence[str]], trained: Path, tmp_path: Path) -> list[Path]:
    """Recipes of two rows, of which there are runs of two seeds."""
    recipes = [toy(RECIPE, "plain.toml"), toy(SLOW, "slow.toml")]
    if not list(trained.iterdir()):
        make(recipes, seeds=2, out=trained)
        compared.clear()
    shutil.copytree(trained, tmp_path / "runs", ignore=shutil.ignore_patterns("tables"))
    return recipes


def lines_of(table: MadeTable, comparison: str = "apart") -> dict[str, dict[str, Any]]:
    data = json.loads((table.folder / "table.json").read_text())
    return {one["row"]: one for one in data["comparisons"] if one["comparison"] == comparison}


def test_the_runs_of_each_row_are_compared_once_while_they_are_the_same(
    make: Make, two: list[Path], made: list[str], compared: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    table = make(two, seeds=2, only_finished=True)
    assert made == [], "no run is trained or reported again for it"
    assert compared == [["seed 0", "seed 1"]] * 2
    assert "comparing apart: Slow, 2 runs" in capsys.readouterr().err
    found = lines_of(table)
    assert found.keys() == {"plain", "slow"}
    assert all(one["figures"]["runs"] == one["runs"] == 2 and one["figures"]["distance"] > 0 for one in found.values())
    assert not table.grid.failed
    again = make(two, seeds=2)
    assert len(compared) == 2
    assert again.grid.rows == table.grid.rows
    result = next((table.folder / FOLDER).glob("*/result.json"))
    result.write_text("{")
    make(two, seeds=2)
    assert len(compared) == 3, "what is damaged is done again, and nothing else"
    record = table.grid.rows[0].cells[0].folder / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"started": "2000-01-01T00:00:00+00:00"}))
    make(two, seeds=2)
    assert len(compared) == 4, "a run that was made anew is compared anew"
    assert len(list((table.folder / FOLDER).iterdir())) == 2, "nothing is kept of runs that are gone"


def test_a_table_shows_what_comparisons_left(make: Make, two: list[Path], compared: list[Sequence[str]]) -> None:
    for glob, told in (
        ("aprat.x", "'aprat.x' begins with no evaluation"),
        ("apart.x", "matches no figure; .*apart.dis"),
    ):
        with pytest.raises(UserError, match=told):
            make(two, seeds=2, figures=[glob])
    table = make(two, seeds=2, plots=["apart.distance:probe.accuracy"], figures=["apart.distance", "probe.*"])
    text = (table.folder / "table.md").read_text()
    assert "## apart\n" in text
    assert "distance ↓" in text
    assert "Over all finished runs of a row" in text
    assert "## apart: Of each run" in text
    assert text.count("seed 1") >= 2
    assert "## apart, Slow: Means" in text
    assert "## probe.accuracy against apart.distance" in text
    assert len(list(table.folder.glob("apart-slow-Means*.png"))) == 1
    page = (table.folder / "table.html").read_text()
    assert page.count("data:image/png") >= 3
    lines = list(csv.DictReader((table.folder / "table.csv").read_text().splitlines()))
    of = {line["recipe"]: line for line in lines if line["evaluation"] == "apart"}
    assert {row: float(line["mean"]) for row, line in of.items()} == {
        row: one["figures"]["distance"] for row, one in lines_of(table).items()
    }
    assert {line["runs"] for line in of.values()} == {"2"}
    assert sorted(line["best"] for line in of.values()) == ["0", "1"]


def test_runs_are_compared_across_rows(make: Make, two: list[Path], compared: list[Sequence[str]]) -> None:
    table = make(two, seeds=[0], only_finished=True, overrides=["compare.apart.across=true"])
    assert compared == [["plain · seed 0", "Slow · seed 0"]]
    assert lines_of(table).keys() == {"all rows"}
    text = (table.folder / "table.md").read_text()
    assert "| all rows |" in text.replace("  ", "")
    page = (table.folder / "table.html").read_text()
    assert "apart, all rows: Means" in page


def test_a_comparison_that_fails_costs_itself(
    make: Make, two: list[Path], compared: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    table = make(two[1:], seeds=2, only_finished=True, overrides=["compare.apart.fails=true"])
    assert "comparison 'apart' failed: nothing to | compare" in capsys.readouterr().err
    assert table.grid.failed
    assert "Slow apart failed: nothing to" in (table.folder / "table.md").read_text()
    assert lines_of(table)["slow"]["failure"].startswith("nothing to | compare")
    assert not (table.folder / FOLDER).exists(), "what failed is tried again"


def member(seed: int, across: bool = True, fingerprint: str = "same", **options: Any) -> Member:
    """A run that is made up, of a recipe with a comparison."""
    node = Node("apart", None, options, (Read("z"),), "compare.apart", options)
    plan = SimpleNamespace(comparisons={"apart": ComparisonPlan("apart", node, across)})
    cell = Cell(seed, Path(f"run-{seed}"), "finished", facts=Facts(fingerprint=fingerprint))
    run: Any = SimpleNamespace(plan=plan)
    return Member(run, cell, "VAE")


def test_runs_that_are_not_alike_are_not_compared(tmp_path: Path) -> None:
    def failure(other: Member) -> str:
        found = compare_rows({0: [member(0)], 1: [other]}, tmp_path, Choices())
        assert found.by_row == {0: {}, 1: {}}
        assert found.across["apart"].runs == 2
        return found.across["apart"].failure

    assert failure(member(1, fingerprint="other")) == "its runs are not all on the same images, labels and split"
    assert "different components or options at compare.apart" in failure(member(1, strength=2.0))


@pytest.mark.parametrize("across", [False, True])
def test_one_run_alone_is_compared_with_none(across: bool, tmp_path: Path) -> None:
    alone = member(0, across)
    found = compare_rows({0: [alone], 1: [alone]}, tmp_path, Choices())
    expected = {"apart": Compared(1)}
    assert found.by_row == {0: {} if across else expected, 1: {} if across else expected}
    assert found.across == (expected if across else {})
