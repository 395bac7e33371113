"""Runs of a grid, made up and made."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import Picture, Result
from semreg.store.results import read_result, write_result
from semreg.tables.executors import here
from semreg.tables.grid import Cell, Facts, Row
from semreg.tables.making import MadeTable
from semreg.trained.run import TensorHandle
from tests.tables.turns import Turns

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]
Make = Callable[..., MadeTable]

FACTS = Facts("toy", "40 train / 20 test", "sha256:abcdef", "", "2 + 3", 90.0, "cpu", "fp32", "0.1.0")


def finished(
    runs: Path, name: str, accuracies: list[float], paper: float | None = None, **facts: str
) -> tuple[Cell, ...]:
    """A finished run for each of these accuracies, of which the paper has one."""
    papers = {} if paper is None else {"accuracy": paper}
    cells = []
    for seed, value in enumerate(accuracies):
        right = [k < round(20 * value) for k in range(20)]
        result = Result({"accuracy": value, "spare": 1.0}, papers, outcomes={"accuracy": right})
        folder = runs / f"{name}-{seed}"
        cells.append(Cell(seed, folder, "finished", results={"probe": result}, facts=replace(FACTS, **facts)))
    return tuple(cells)


def stored_row(folder: Path, name: str, *pictures: Picture, seeds: Sequence[int] = (0,), of: str = "strip") -> Row:
    """A row whose runs in a folder have stored these pictures of an evaluation; its title is its name in capitals."""
    cells = []
    for seed in seeds:
        result = Result({"error": 0.5}, pictures=list(pictures))
        place = folder / f"{name}-{seed}" / of
        place.parent.mkdir(parents=True, exist_ok=True)
        write_result(place, result)
        unpictured = read_result(place, pictured=False)
        cells.append(Cell(seed, place.parent, "finished", results={of: unpictured}, places={of: place}, facts=FACTS))
    return Row(name, name.upper(), tuple(cells))


def images(count: int, seed: int = 0, *, size: int = 8, channels: int = 1) -> torch.Tensor:
    """Random images `(count, channels, size, size)` in [0, 1]."""
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of runs, of which two have reports; one was begun with another recipe."""
    for name, own, report in (("vae-0", "vae", "report.html"), ("vae-1", "other", "report-vae.html")):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps({"name": own}))
        (folder / report).write_text("")
    return tmp_path / "runs"


# --- made ---

SCORED = """
[phases.main]
epochs = 1
[evaluate.probe]
use = "scored(z)"
"""


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that were made, as NAME:SEED, in order."""
    runs: list[str] = []
    run_recipe = here.run_recipe

    def recorded(recipe: Any, choices: Any, command: str, **more: bool) -> Any:
        runs.append(f"{recipe.path.stem}:{choices.seed}")
        return run_recipe(recipe, choices, command, **more)

    monkeypatch.setattr(here, "run_recipe", recorded)
    return runs


@pytest.fixture
def make(toy: Toy, register: Register, tmp_path: Path) -> Make:
    """`make(paths, seeds=2)` makes a table of toys into `tmp_path / "runs"`."""

    def scored(z: TensorHandle, *, add: float = 0.0, fails: int | None = None) -> Result:
        seed = z.run.seed
        if seed == fails:
            raise ValueError("nothing to | score")
        right = [k < 2 + 2 * seed + 10 * add for k in range(12)]
        return Result({"accuracy": seed / 10 + add, "loss": 1.0}, {"accuracy": 0.9}, outcomes={"accuracy": right})

    register("evaluation", "scored", scored)

    def make(paths: Sequence[Path], **more: Any) -> MadeTable:
        return semreg.table(paths, **{"out": tmp_path / "runs", "device": "cpu", **more})

    return make


@pytest.fixture
def two(toy: Toy) -> list[Path]:
    better = f'description = "Better"\noptimizer.lr = 0.02\n{SCORED}add = 0.5\n'
    return [toy(SCORED, "plain.toml"), toy(f'extends = "base.toml"\n{better}', "better.toml")]


@pytest.fixture
def turns(register: Register) -> type[Turns]:
    """Registers the search `turns`."""
    register("search", "turns", Turns)
    return Turns
