"""A grid of runs, recipes by seeds, and its table: what is finished is left alone, what failed hinders no other."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semreg.core import DataMissing, Problem, UserError, closest
from semreg.core.errors import CannotWrite
from semreg.data.seeds import chosen_seed
from semreg.data.summary import some
from semreg.recipe.check import FOLDER_NAME, check
from semreg.recipe.load import Recipe, load_recipe
from semreg.recipe.plan import Plan
from semreg.running.arithmetic import arithmetic
from semreg.running.choices import Choices
from semreg.running.judges import check_judges, require_images
from semreg.running.reproducing import command_of
from semreg.running.start import folders_of, place_of, plan_for
from semreg.store.messages import in_first_process, say
from semreg.store.record import by_hash, known_runs
from semreg.tables.executors.choosing import HERE, executor_of
from semreg.tables.executors.elsewhere import make_elsewhere, require_elsewhere
from semreg.tables.executors.here import make_here
from semreg.tables.grid import Cell, Grid, Plot, Ranking, Row, require_evaluations, require_matches, require_metric
from semreg.tables.pages import text_of, write_table, writing_table
from semreg.tables.pictures.paper_figures import require_known, require_pictured, write_figures
from semreg.tables.planned import PlannedRun
from semreg.tables.plots import require_plottable
from semreg.tables.ranking import best_row
from semreg.tables.view import title_of
from semreg.training.trial import check_by_dry_run

TABLES = "tables"
"""The folder of tables, among the runs."""
MOST_SEEDS = 1_000
PAUSE = 20
"""So many times as long as a table took to write it is left as it is, while its runs are made."""


@dataclass(frozen=True)
class Wanted:
    """What a table is to show; `figures` are globs of EVALUATION.FIGURE."""

    figures: tuple[str, ...] = ()
    against: str | None = None
    only_finished: bool = False
    name: str | None = None
    command: str = ""
    plots: tuple[Plot, ...] = ()
    ranking: Ranking | None = None
    metric: str | None = None
    """Of a sweep, as `EVALUATION.FIGURE`."""
    going_on: Callable[[Grid], Sequence[tuple[str, str]]] | None = None
    """Of a sweep, what gives its best row and the commands that go on with it, as a Grid has them."""
    swept: str = ""
    """Of a sweep, the recipe whose keys are varied, by which mistakes of its rows are told."""
    varied: Sequence[Mapping[str, Any]] = ()
    """Of a sweep, for each recipe the values of the keys that are varied."""
    figures_of: tuple[str, ...] = ()
    """Evaluations whose pictures are written over the rows, as a paper has them, beside the table."""
    written: bool = True
    """Whether the table is written into a folder of its own, and not only made."""
    on: str = HERE
    """Where its runs are made: `here`, in this process one after another, or `NAME:WORDS` of an executor."""
    gpus: float | None = None
    """The share of a GPU that each of them has there."""


@dataclass(frozen=True)
class MadeTable:
    """A table and the folder that it is written into."""

    grid: Grid
    folder: Path

    @property
    def best(self) -> Row | None:
        """The row that a ranking has first; None where none has all its figures, or nothing is ranked."""
        return best_row(self.grid)

    def __repr__(self) -> str:
        return f"<table {title_of(self.grid)}, in {self.folder}>"

    def _repr_markdown_(self) -> str:
        return text_of(self.grid)


@dataclass(frozen=True)
class _Planned(PlannedRun):
    """A run of the grid; `row` is its recipe's place."""

    row: int


def make_table(
    recipes: Sequence[str | Path | Recipe],
    overrides: Sequence[str],
    seeds: int | str | Sequence[int] | None,
    wanted: Wanted,
    choices: Choices,
) -> MadeTable:
    """Make all runs of a grid that are not finished, seed by seed, and write its table after each.

    Raises UserError for what is wrong with any recipe or choice before the first run is begun; CannotWrite if the table
    can't be written.
    """
    chosen = chosen_seeds(seeds)
    with arithmetic(choices):
        executor = executor_of(wanted.on, wanted.gpus, choices)
    runs = _planned(recipes, overrides, chosen, wanted, choices)
    first = in_first_process()
    growing = _Growing(runs, wanted, choices, first)
    to_do = [] if wanted.only_finished else [k for k, run in enumerate(runs) if run.to_do]
    if to_do:
        with arithmetic(choices):  # before the device is first used
            choices.torch_device()
        _require_trainable([runs[k] for k in to_do], wanted)
        if executor is not None:
            require_elsewhere(executor, [runs[k] for k in to_do], wanted.on)
    elif not any(cell.finished or cell.failed for cell in growing.cells):
        raise UserError(str(choices.out), f"none of these {len(runs)} runs is finished; leave out --only-finished")
    else:
        require_matches(growing.grid)
    growing.write()
    if to_do and first:
        where = f"; the table grows in {growing.folder}" if wanted.written else ""
        say(f"{len(to_do)} of {len(runs)} runs to do{where}")
    if to_do and executor is not None:
        with growing.written():
            make_elsewhere(executor, runs, to_do, growing.put)
    elif to_do:
        with growing.written():
            make_here(runs, to_do, choices, growing.put)
    require_matches(growing.grid)
    if growing.first and wanted.figures_of:
        with writing_table(growing.folder):
            write_figures(growing.grid, wanted.figures_of, growing.folder)
    return MadeTable(growing.told, growing.folder)


def chosen_seeds(seeds: int | str | Sequence[int] | None) -> list[int] | None:
    """The seeds that 3, "3", "0,1,2" or [0, 1, 2] mean; None, each recipe's own, stays. Raises UserError."""
    if seeds is None:
        return None
    fit = "write a number, as in --seeds 3 for 0, 1 and 2, or different seeds, as in --seeds 0,1,2 (one alone: 5,)"
    refused = UserError("--seeds", f"{seeds!r}: {fit}")
    if isinstance(seeds, str):
        parts = [part.strip() for part in seeds.strip().removesuffix(",").split(",")]
        if not all(parts) or ("," not in seeds and not re.fullmatch(r"\d{1,10}", parts[0], re.ASCII)):
            raise refused
        seeds = [chosen_seed(part, "--seeds") for part in parts] if "," in seeds else int(seeds)
    if isinstance(seeds, int):
        if isinstance(seeds, bool) or not 0 < seeds <= MOST_SEEDS:
            raise refused
        return list(range(seeds))
    listed = [chosen_seed(seed, "--seeds") for seed in seeds]
    if not listed or len(set(listed)) < len(listed) or len(listed) > MOST_SEEDS:
        raise refused
    return listed


# --- before ---


def _planned(
    recipes: Sequence[str | Path | Recipe],
    overrides: Sequence[str],
    seeds: list[int] | None,
    wanted: Wanted,
    choices: Choices,
) -> list[_Planned]:
    """All runs, the first seed of each recipe first. Raises UserError with the mistakes of all recipes."""
    if not recipes:
        raise UserError("", "a table needs at least one recipe")
    planned, errors = [], []
    for one in recipes:
        try:
            recipe = one if isinstance(one, Recipe) else load_recipe(one, overrides)
            planned.append((recipe, plan_of_row(recipe, wanted, choices)))
        except UserError as error:
            errors.append(_called(error, one, wanted) if isinstance(one, Recipe) else error)
    _raise_all(errors, len(recipes), wanted)
    require_possible(wanted, {plan.name: list(plan.evaluations) for _, plan in planned})
    runs, known = [], by_hash(known_runs(choices.out))
    folder_of: dict[str, Path] = {}
    folders = [folders_of(plan, choices) for _, plan in planned]
    for k in range(len(seeds) if seeds else 1):
        for row, (recipe, plan) in enumerate(planned):
            own = replace(choices, seed=seeds[k] if seeds else None)
            command = command_of(recipe.said, recipe.written, own) if recipe.said else wanted.command
            place = place_of(plan, own, known)
            # Two recipes that train the same have one run, and rows of their own.
            place = replace(place, folder=folder_of.setdefault(place.identity.digest, place.folder))
            runs.append(_Planned(recipe, plan, own, place, folders[row], command, row))
    _require_different(runs[: len(planned)], trained=wanted.ranking is not None)
    return runs


def require_possible(wanted: Wanted, rows: Mapping[str, Collection[str]]) -> None:
    """Raise UserError for what no table of these rows, with the evaluations of each, could show."""
    if wanted.against is not None and wanted.against not in rows:
        raise UserError("--against", f"no recipe is called {wanted.against!r}{closest(wanted.against, rows)}")
    if wanted.name is not None and not FOLDER_NAME.fullmatch(wanted.name):
        raise UserError("--name", f"{wanted.name!r} names a folder; use letters, digits, '_', '-' and '.'")
    evaluations = {name for names in rows.values() for name in names}
    require_evaluations(wanted.figures, evaluations)
    require_plottable(wanted.plots, list(rows.values()))
    require_known(wanted.figures_of, evaluations)


def plan_of_row(recipe: Recipe, wanted: Wanted, choices: Choices) -> Plan:
    """The plan that runs here, or, where nothing is to be trained, one that lacks its data."""
    try:
        return plan_for(recipe, choices)[0]
    except DataMissing:
        if not wanted.only_finished:
            raise
        return check(recipe, data_root=choices.data_root)  # what is finished needs its data no more


def _require_different(runs: Sequence[_Planned], *, trained: bool) -> None:
    """Raise UserError unless the runs have names of their own, and, of those that must be `trained` apart, hashes."""
    first: dict[str, _Planned] = {}
    problems = []
    for run in runs:
        other = first.setdefault(run.plan.name, run)
        message = f"has the name of {other.recipe.path}; a row of a table is a recipe of its own name"
        if other is run and trained:
            other = first.setdefault(run.place.identity.digest, run)
            message = f"trains the same as {other.recipe.path}, so both are one run; leave one of them out"
        if other is not run:
            problems.append(Problem(str(run.recipe.path), message))
    if problems:
        raise UserError("recipes", problems)


def _require_trainable(runs: Sequence[_Planned], wanted: Wanted) -> None:
    """Try every recipe, its judges and the split of its data: the last one's mistake must not surface after the others
    were trained."""
    errors = []
    tried: set[str] = set()
    opened: dict[str, UserError | None] = {}
    for run in {run.row: run for run in runs}.values():
        try:
            check_by_dry_run(run.plan)
            check_judges(run.plan, run.choices, tried=tried)
            require_images(run.plan, run.choices, opened=opened)
        except UserError as error:
            errors.append(_called(error, run.recipe, wanted))
    _raise_all(errors, len({run.row for run in runs}), wanted)


def _called(error: UserError, recipe: Recipe, wanted: Wanted) -> UserError:
    """An error of a row by what the user knows it by: a row of a sweep has no file of its own."""
    if wanted.swept and error.source == str(recipe.path):
        return UserError(f"{wanted.swept} ({recipe.resolve().get('description')})", error.problems)
    return error


def _raise_all(errors: Sequence[UserError], rows: int, wanted: Wanted) -> None:
    """Raise what some of the rows are refused for as one UserError, each mistake once; nothing where there is none."""
    alike: dict[tuple[Problem, ...], list[UserError]] = {}
    for error in errors:
        alike.setdefault(tuple(error.problems), []).append(error)
    if len(errors) == 1:
        raise errors[0]
    if wanted.swept and [len(same) for same in alike.values()] == [rows]:
        raise UserError(wanted.swept, errors[0].problems)
    named = {some([error.source for error in same], 3): same[0].problems for same in alike.values()}
    if len(named) == 1:
        [(source, problems)] = named.items()
        raise UserError(source, problems)
    told = [
        Problem(" ".join(filter(None, (source, problem.where))), problem.message)
        for source, problems in named.items()
        for problem in problems
    ]
    if told:
        raise UserError(f"{len(errors)} {'rows' if wanted.swept else 'recipes'}", told)


# --- the table as it grows ---


class _Growing:
    """The cells as far as they are known, and the folder of their table, which the first process writes."""

    def __init__(self, runs: Sequence[_Planned], wanted: Wanted, choices: Choices, first: bool) -> None:
        self.runs, self.wanted, self.first = runs, wanted, first
        self.cells = [run.read() for run in runs]
        self.name = wanted.name or _name(runs)
        self.folder = choices.out / TABLES / f"{self.name}-{_digest(runs, wanted, choices)[:6]}"
        self.judge_on = choices.judge_on
        self._next = 0.0

    @property
    def grid(self) -> Grid:
        wanted, cells = self.wanted, defaultdict[int, list[Cell]](list)
        for run, cell in zip(self.runs, self.cells, strict=True):
            cells[run.row].append(cell)
        rows = [
            Row(
                run.plan.name,
                run.plan.tables.description,
                tuple(cells[run.row]),
                run.plan.table,
                wanted.varied[run.row] if wanted.varied else {},
            )
            for run in {run.row: run for run in self.runs}.values()
        ]
        return Grid(
            self.name, tuple(rows), wanted.figures, wanted.against, wanted.command, wanted.plots, wanted.ranking,
            wanted.metric,
            judged_on=self.judge_on,
        )  # fmt: skip

    @property
    def told(self) -> Grid:
        """The grid with what a sweep tells of its best row."""
        grid, going_on = self.grid, self.wanted.going_on
        return replace(grid, going_on=tuple(going_on(grid))) if going_on else grid

    def put(self, k: int, cell: Cell) -> None:
        """Take what came of a run, and write the table, unless that would take most of the time."""
        self.cells[k] = cell
        if time.monotonic() >= self._next:
            self.write()
        if self._lacks(cell):  # once known, before all others are made
            grid = self.grid
            require_metric(grid)
            require_pictured(grid, self.wanted.figures_of)

    def _lacks(self, cell: Cell) -> bool:
        """Whether a run has no such figure, or pictures, as are wanted: then the others may have none, either."""
        evaluation, _, figure = (self.wanted.metric or "").partition(".")
        unfigured = evaluation in cell.results and figure not in cell.results[evaluation].figures
        return unfigured or any(
            name in cell.results and not cell.results[name].pictures for name in self.wanted.figures_of
        )

    @contextlib.contextmanager
    def written(self) -> Iterator[None]:
        """Inside, runs are put; at the end the table is written, whatever ends it."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(CannotWrite):  # which must not hide what happened
                self.write()
            raise
        self.write()

    def write(self) -> None:
        """Write the table, with what other commands finished meanwhile, one command at a time."""
        if not (self.first and self.wanted.written):
            return
        began = time.monotonic()
        with writing_table(self.folder):
            for k, cell in enumerate(self.cells):
                fresh = cell if cell.finished else self.runs[k].read()
                if fresh.finished or not cell.failed:
                    self.cells[k] = fresh
            write_table(self.told, self.folder)
        now = time.monotonic()
        self._next = now + PAUSE * (now - began)


def _name(runs: Sequence[_Planned]) -> str:
    """The recipe's name, if there is one; else that of the folder they are all in."""
    if len({run.row for run in runs}) == 1:
        return runs[0].plan.name
    folder = os.path.commonpath([run.recipe.path.resolve().parent for run in runs])
    return re.sub(r"[^\w.-]+", "_", Path(folder).name).lstrip(".-") or "table"


def _digest(runs: Sequence[_Planned], wanted: Wanted, choices: Choices) -> str:
    """What tells the folder of a table from others of its name: its runs, and all else that a sweep is."""
    told = sorted(run.place.identity.digest for run in runs)
    content = " ".join([*told, choices.judge_on] if choices.judge_on != "test" else told)
    if wanted.metric is not None:
        folders = sorted({folder for run in runs for folder in run.folders.values()})
        ranked = wanted.ranking and wanted.ranking.figures
        content = repr((content, folders, list(wanted.varied), ranked))
    return hashlib.sha256(content.encode()).hexdigest()
