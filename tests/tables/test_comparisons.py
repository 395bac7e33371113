"""Comparisons of the runs of a table: done once, of which runs, and what is told of those that can't be."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from semreg.core import Handle, Result, Table, UserError
from semreg.pictures import image_grid
from semreg.tables.comparisons import FOLDER
from semreg.tables.making import MadeTable

Toy = Callable[..., Path]
Make = Callable[..., MadeTable]

PICTURE = image_grid("Means", torch.zeros(1, 1, 1, 2, 2))

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
        rows = [[name, float(value.mean())] for name, value in zip(names, values, strict=True)]
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
    make: Make, two: list[Path], compared: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    table = make(two, seeds=2)
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
    table = make(two, seeds=2, plots=["apart.distance:probe.accuracy"], figures=["apart.distance", "probe.*"])
    text = (table.folder / "table.md").read_text()
    assert "## apart\n" in text
    assert "distance ↓" in text
    assert "Of a row's finished runs together" in text
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
    table = make(two, seeds=[0], overrides=["compare.apart.across=true"])
    assert compared == [["plain · seed 0", "Slow · seed 0"]]
    assert lines_of(table).keys() == {"all rows"}
    text = (table.folder / "table.md").read_text()
    assert "| all rows |" in text.replace("  ", "")
    page = (table.folder / "table.html").read_text()
    assert "apart, all rows: Means" in page


def test_one_run_alone_is_compared_with_none(make: Make, two: list[Path], compared: list[Sequence[str]]) -> None:
    table = make(two, seeds=1)
    assert compared == []
    said = "Not compared, for want of a second finished run: plain (apart), Slow (apart)."
    assert said in (table.folder / "table.md").read_text()
    assert not table.grid.failed


def test_a_comparison_that_fails_costs_itself(
    make: Make, two: list[Path], compared: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    fails: dict[str, Any] = {"seeds": 2, "overrides": ["compare.apart.fails=true"]}
    table = make(two[1:], **fails)
    assert "comparison 'apart' failed: nothing to | compare" in capsys.readouterr().err
    assert table.grid.failed
    assert "Slow apart failed: nothing to" in (table.folder / "table.md").read_text()
    assert lines_of(table)["slow"]["failure"].startswith("nothing to | compare")
    make(two[1:], **fails)
    assert len(compared) == 2, "what failed is tried again"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("data.count = 30", "not all on the same images, labels and split"),
        ('compare.apart.split = "train"', "different components or options at compare.apart"),
    ],
)
def test_what_is_not_alike_is_not_compared(
    make: Make, two: list[Path], toy: Toy, compared: list[Sequence[str]], change: str, told: str
) -> None:
    other = toy(f'extends = "slow.toml"\n{change}\n', "other.toml")
    table = make([two[0], other], seeds=[0], overrides=["compare.apart.across=true"])
    assert compared == []
    assert told in lines_of(table)["all rows"]["failure"]


def test_figures_of_comparisons_are_asked_for_by_their_names(
    make: Make, two: list[Path], compared: list[Sequence[str]]
) -> None:
    with pytest.raises(UserError, match=r"'aprat.x' begins with no evaluation"):
        make(two, seeds=2, figures=["aprat.x"])
    assert compared == []
    with pytest.raises(UserError, match=r"'apart.x' matches no figure; there is: probe.accuracy.*apart.distance"):
        make(two, seeds=2, figures=["apart.x"])


def test_it_needs_no_run_trained_again(
    make: Make, two: list[Path], made: list[str], compared: list[Sequence[str]]
) -> None:
    make(two, seeds=2, only_finished=True)
    assert len(compared) == 2
    assert made == []
