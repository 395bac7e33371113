"""A grid of any runs, read from their folders: it trains nothing and needs none of their plugins."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semreg.core import Problem, UserError
from semreg.recipe.bounds import require_bounds
from semreg.running.choices import JUDGED_ON, Choices
from semreg.store.layout import RECORD
from semreg.store.names import folder_of, named
from semreg.store.recipes import (
    evaluations_of,
    folders_of,
    is_reported,
    judged_on,
    kept_as,
    read_recipe,
    recipes_of,
)
from semreg.store.record import read_record, run_folders
from semreg.tables.cells import read_cell
from semreg.tables.grid import Cell, Grid, Row, require_matches
from semreg.tables.growing import TABLES, Wanted
from semreg.tables.making import MadeTable, require_possible
from semreg.tables.pages import write_table, writing_table
from semreg.tables.pictures.paper_figures import write_figures

NAME = "compare"
"""The table's default name."""
_DECIDES = ("training", "precision", "choices")
"""The parts of a run's record, besides its seed, that describe how it was trained."""


@dataclass(frozen=True)
class _Found:
    """A recipe of a run; `alike` is equal for runs that differ only by their seeds."""

    recipe_name: str
    recipe: dict[str, Any]
    own_name: str
    """The name of the recipe that started the run."""
    description: str
    cell: Cell
    digest: str
    alike: str
    kept: Sequence[str] = ()
    """All evaluations of the run."""


def compare_runs(runs: Sequence[str | Path], wanted: Wanted, choices: Choices) -> MadeTable:
    """Write a table of existing runs: each of their recipes is a row, and the runs of a recipe are its seeds.

    `runs` are folders, or names and globs of runs in `choices.out`, which also receives the table. It shows the stored
    evaluations of the images `choices.judge_on`, and names unfinished runs. Raises UserError for a path that is not a
    run, and if no run can have the values that `wanted` names. Raises CannotWrite if the table can't be written.
    """
    found = [one for folder in _folders(runs, choices.out) for one in _recipes(folder, choices.judge_on)]
    _require_judged(found, choices.judge_on)
    rows = _rows(found)
    require_possible(wanted, {row.name: _evaluations(row) for row in rows})
    grid = Grid(
        wanted.name or NAME, rows, wanted.figures, wanted.against, wanted.command, wanted.plots,
        judged_on=choices.judge_on,
    )  # fmt: skip
    require_matches(grid)
    told = [choices.judge_on, *sorted(f"{one.digest} {one.recipe_name}" for one in found)]
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    folder = choices.out / TABLES / f"{grid.name}-{digest[:6]}"
    with writing_table(folder):
        write_table(grid, folder)
        write_figures(grid, wanted.figures_of, folder)
    return MadeTable(grid, folder)


def _folders(runs: Sequence[str | Path], out: Path) -> list[Path]:
    """Return the folders of runs, each once. Raises UserError with all paths that are not runs."""
    problems: list[Problem] = []
    known = {path.name: path for path in run_folders(out)}
    folders: dict[Path, Path] = {}
    for run in runs:
        folder = folder_of(Path(run), out)
        chosen = [folder] if os.path.lexists(folder) else named([str(run)], known, f"run in {out}", problems)
        for one in chosen:
            if not os.path.lexists(one / RECORD):
                problems.append(Problem(str(run), f"holds no run (there is no {RECORD})"))
            folders.setdefault(one.resolve(), one)
    if not runs:
        problems.append(Problem("", "a comparison needs at least one run"))
    if problems:
        raise UserError("runs", problems)
    return list(folders.values())


def _recipes(folder: Path, images: str) -> list[_Found]:
    """Return the recipes that a run was judged with on these images; if there are none, its own recipe."""
    seed = None
    try:
        run = read_record(folder)
        said = run.record.get("seed")
        seed = said if isinstance(said, int) else None
        kept = recipes_of(folder)
        done = [name for name in kept if evaluations_of(folder, name)]
        judged = [name for name in kept if folders_of(folder, name) or is_reported(folder, name)]
    except UserError as error:
        cell = Cell(seed, folder, "damaged", error.text())
        return [_Found(folder.name, {}, folder.name, "", cell, folder.name, folder.name)]
    data = run.record.get("data")
    fingerprint = data.get("fingerprint") if isinstance(data, dict) else None
    names = [recipe for recipe, judged_images in map(judged_on, judged) if judged_images == images] or [run.name]
    own = _recipe(folder, run.name)
    found = []
    for name in names:
        place = kept_as(name, images)
        table = _recipe(folder, place) or _recipe(folder, name)
        # A single recipe that trains the same as the run's own takes its description: the values of a sweep.
        description = _description(table) or (_description(own) if len(names) == 1 else "")
        cell = read_cell(folder, place, seed, folders_of(folder, place))
        decides = [name, fingerprint, table | {"seed": None}, bool(run.record.get("continues"))]
        decides += [run.record.get(key) for key in _DECIDES]
        try:
            alike = json.dumps(decides, sort_keys=True)
        except RecursionError:  # what no run writes
            alike = str(folder)
        digest = str(run.record.get("hash") or folder.name)
        found.append(_Found(name, table, run.name, description, cell, digest, alike, done))
    return found


def _description(recipe: Mapping[str, Any]) -> str:
    said = recipe.get("description")
    return said if isinstance(said, str) else ""


def _recipe(folder: Path, name: str) -> dict[str, Any]:
    """Return a recipe of a run; empty if it can't be read: little of the table needs it."""
    try:
        table = read_recipe(folder, name)
        require_bounds(table, name)
    except UserError:
        return {}
    return table


def _require_judged(found: Sequence[_Found], images: str) -> None:
    """Raise UserError if no run was judged on these images, and one was judged on others."""
    if any(one.cell.results for one in found):
        return
    for other in JUDGED_ON:
        if any(judged_on(kept)[1] == other != images for one in found for kept in one.kept):
            raise UserError("--judge-on", f"no run has results on {images} images; there are some on {other} images")


def _rows(found: Sequence[_Found]) -> tuple[Row, ...]:
    """Join the runs of one recipe into a row, if their seeds differ.

    Rows whose recipes have equal names get the names of the recipes that started the runs, and if these are equal, too,
    those of their folders.
    """
    copies: Counter[tuple[str, int | None]] = Counter()
    groups: dict[tuple[str, int], list[_Found]] = {}
    for one in found:
        groups.setdefault((one.alike, copies[one.alike, one.cell.seed]), []).append(one)
        copies[one.alike, one.cell.seed] += 1
    names = [first.recipe_name for first, *_ in groups.values()]
    begun = [first.own_name for first, *_ in groups.values()]
    rows: dict[str, Row] = {}
    for group in groups.values():
        first = group[0]
        own = first.recipe_name
        if names.count(own) > 1:
            own = first.own_name if begun.count(first.own_name) == 1 else first.cell.folder.name
        name = _unique(own, rows)
        cells = tuple(sorted((one.cell for one in group), key=lambda cell: cell.seed or 0))
        rows[name] = Row(name, first.description, cells, first.recipe, recipe_name=first.recipe_name)
    return tuple(rows.values())


def _unique(name: str, taken: Collection[str]) -> str:
    return next(one for one in [name, *(f"{name}-{k}" for k in range(2, len(taken) + 3))] if one not in taken)


def _evaluations(row: Row) -> list[str]:
    tables = row.recipe.get("evaluate")
    known = tables if isinstance(tables, dict) else {}
    return list(dict.fromkeys([*known, *(name for cell in row.cells for name in (*cell.results, *cell.failures))]))
