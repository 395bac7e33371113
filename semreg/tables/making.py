"""A grid of runs, recipes by seeds, and its table: what is finished is left alone, what failed hinders no other."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import traceback
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from semreg.core import DataMissing, Problem, UserError, closest
from semreg.core.errors import CannotWrite, cause_of
from semreg.data.seeds import chosen_seed
from semreg.recipe.check import FOLDER_NAME, check
from semreg.recipe.load import Recipe, load_recipe
from semreg.recipe.plan import Plan
from semreg.running.arithmetic import arithmetic
from semreg.running.choices import Choices
from semreg.running.finishing import is_done
from semreg.running.judges import check_judges, require_images_to_judge_on
from semreg.running.reproducing import command_of
from semreg.running.start import Place, folders_of, place_of, plan_for, run_recipe
from semreg.store.folder import RunIsBusy
from semreg.store.messages import in_first_process, say
from semreg.store.recipes import kept_as
from semreg.store.record import at_work, known_runs, read_record
from semreg.tables.cells import read_cell
from semreg.tables.grid import Cell, Grid, Plot, Ranking, Row, require_evaluations, require_matches
from semreg.tables.pages import write_table, writing_table
from semreg.tables.plots import require_plottable
from semreg.training.interrupts import Interrupts
from semreg.training.processes import joined, started_by_torchrun
from semreg.training.trial import check_by_dry_run

TABLES = "tables"
"""The folder of tables, among the runs."""
MOST_SEEDS = 1_000


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
    written: bool = True
    """Whether the table is written into a folder of its own, and not only made."""


@dataclass(frozen=True)
class MadeTable:
    """A table and the folder that it is written into."""

    grid: Grid
    folder: Path


@dataclass(frozen=True)
class _Planned:
    """A run of the grid that may be still to do."""

    row: int
    recipe: Recipe
    plan: Plan
    choices: Choices
    place: Place
    folders: Mapping[str, str]
    """Of its evaluations, by their names."""
    command: str

    @property
    def seed(self) -> int:
        return self.place.identity.seed

    @property
    def folder(self) -> Path:
        return self.place.folder

    def read(self) -> Cell:
        return read_cell(self.folder, kept_as(self.plan.name, self.choices.judge_on), self.seed, self.folders)

    @property
    def to_do(self) -> bool:
        """Whether it is not finished, reports included."""
        try:
            return not (
                read_record(self.folder).record.get("trained")
                and is_done(self.folder, self.plan, self.folders, self.choices.judge_on)
            )
        except UserError:  # there is none, or a damaged one, which the run itself then says
            return True


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
    runs = _planned(recipes, overrides, chosen, wanted, choices)
    first = in_first_process()
    growing = _Growing(runs, wanted, choices, first)
    to_do = [] if wanted.only_finished else [k for k, run in enumerate(runs) if run.to_do]
    if to_do:
        with arithmetic(choices):  # before the device is first used
            choices.torch_device()
        _require_trainable([runs[k] for k in to_do])
    elif not any(cell.finished or cell.failed for cell in growing.cells):
        raise UserError(str(choices.out), f"none of these {len(runs)} runs is finished; leave out --only-finished")
    else:
        require_matches(growing.grid)
    growing.write()
    if to_do and first:
        where = f"; the table grows in {growing.folder}" if wanted.written else ""
        say(f"{len(to_do)} of {len(runs)} runs to do{where}")
    with contextlib.ExitStack() as entered:
        if to_do:
            entered.enter_context(joined(choices.torch_device()))
            entered.enter_context(Interrupts())
        queue = deque((k, False) for k in to_do)
        while queue:
            k, wait = queue.popleft()
            if first:
                say(f"{k + 1}/{len(runs)}  {runs[k].plan.name} · seed {runs[k].seed}")
            try:
                growing.cells[k] = _finish(runs[k], wait=wait)
            except RunIsBusy:
                if started_by_torchrun():  # the other processes don't know of it, and would go on
                    raise
                say(f"{runs[k].folder.name}: busy, another process works on it; its turn is last")
                queue.append((k, True))
            except BaseException:
                with contextlib.suppress(CannotWrite):  # which must not hide what happened
                    growing.cells[k] = runs[k].read()
                    growing.write()
                raise
            growing.write()
    require_matches(growing.grid)
    return MadeTable(growing.grid, growing.folder)


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
            errors.append(error)
    _raise_all(errors)
    names = [plan.name for _, plan in planned]
    if wanted.against is not None and wanted.against not in names:
        raise UserError("--against", f"no recipe is called {wanted.against!r}{closest(wanted.against, names)}")
    if wanted.name is not None and not FOLDER_NAME.fullmatch(wanted.name):
        raise UserError("--name", f"{wanted.name!r} names a folder; use letters, digits, '_', '-' and '.'")
    require_evaluations(wanted.figures, (name for _, plan in planned for name in plan.evaluations))
    require_plottable(wanted.plots, [list(plan.evaluations) for _, plan in planned])
    runs, known = [], known_runs(choices.out)
    folder_of: dict[str, Path] = {}
    folders = [folders_of(plan, choices) for _, plan in planned]
    for k in range(len(seeds) if seeds else 1):
        for row, (recipe, plan) in enumerate(planned):
            own = replace(choices, seed=seeds[k] if seeds else None)
            command = wanted.command if isinstance(recipes[row], Recipe) else command_of(recipe.said, overrides, own)
            place = place_of(plan, own, known)
            # Two recipes that train the same have one run, and rows of their own.
            place = replace(place, folder=folder_of.setdefault(place.identity.digest, place.folder))
            runs.append(_Planned(row, recipe, plan, own, place, folders[row], command))
    _require_different(runs[: len(planned)], trained=wanted.ranking is not None)
    return runs


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


def _require_trainable(runs: Sequence[_Planned]) -> None:
    """Try every recipe, and its judges: the last one's mistake must not surface after the others were trained."""
    errors = []
    for run in {run.row: run for run in runs}.values():
        try:
            check_by_dry_run(run.plan)
            check_judges(run.plan, run.choices)
            require_images_to_judge_on(run.plan, run.choices)
        except UserError as error:
            errors.append(error)
    _raise_all(errors)


def _raise_all(errors: Sequence[UserError]) -> None:
    if len(errors) == 1:
        raise errors[0]
    problems = [
        Problem(" ".join(filter(None, (error.source, problem.where))), problem.message)
        for error in errors
        for problem in error.problems
    ]
    if problems:
        raise UserError(f"{len(errors)} recipes", problems)


# --- the table as it grows ---


class _Growing:
    """The cells as far as they are known, and the folder of their table, which the first process writes."""

    def __init__(self, runs: Sequence[_Planned], wanted: Wanted, choices: Choices, first: bool) -> None:
        self.runs, self.wanted, self.first = runs, wanted, first
        self.cells = [run.read() for run in runs]
        self.name = wanted.name or _name(runs)
        self.judge_on = choices.judge_on
        told = sorted(run.place.identity.digest for run in runs)
        told += [self.judge_on] if self.judge_on != "test" else []
        digest = hashlib.sha256(" ".join(told).encode()).hexdigest()
        self.folder = choices.out / TABLES / f"{self.name}-{digest[:6]}"

    @property
    def grid(self) -> Grid:
        rows = [
            Row(
                run.plan.name,
                run.plan.tables.description,
                tuple(cell for other, cell in zip(self.runs, self.cells, strict=True) if other.row == run.row),
            )
            for run in {run.row: run for run in self.runs}.values()
        ]
        wanted = self.wanted
        return Grid(
            self.name, tuple(rows), wanted.figures, wanted.against, wanted.command, wanted.plots, wanted.ranking,
            judged_on=self.judge_on,
        )  # fmt: skip

    def write(self) -> None:
        """Write the table, with what other commands finished meanwhile, one command at a time."""
        if not (self.first and self.wanted.written):
            return
        with writing_table(self.folder):
            for k, cell in enumerate(self.cells):
                fresh = cell if cell.finished else self.runs[k].read()
                if fresh.finished or not cell.failed:
                    self.cells[k] = fresh
            write_table(self.grid, self.folder)


def _name(runs: Sequence[_Planned]) -> str:
    """The recipe's name, if there is one; else that of the folder they are all in."""
    if len({run.row for run in runs}) == 1:
        return runs[0].plan.name
    folder = os.path.commonpath([run.recipe.path.resolve().parent for run in runs])
    return re.sub(r"[^\w.-]+", "_", Path(folder).name).lstrip(".-") or "table"


def _finish(run: _Planned, *, wait: bool) -> Cell:
    """Make a run, and read it; one that fails says why. Of several processes one may fail alone, which ends all.

    Raises RunIsBusy if another command is making it, unless told to `wait` for that.
    """
    alone = not started_by_torchrun()
    if alone and not run.to_do:  # any more: another command did it
        return run.read()
    if alone and not wait and at_work(run.folder):  # seen before anything is prepared
        raise RunIsBusy(str(run.folder), "another process is at work on it")
    try:
        run_recipe(run.recipe, run.choices, run.command, wait=wait)
    except RunIsBusy:
        raise
    except Exception as error:
        if not alone:
            raise
        if not isinstance(error, UserError):
            say(traceback.format_exc())
        said = _said(error) if isinstance(error, UserError) else cause_of(error)
        say(f"{run.folder.name}: failed: {said}; the other runs go on")
        return Cell(run.seed, run.folder, "failed", said)
    return run.read()


def _said(error: UserError) -> str:
    """All that an error says, in one line."""
    return "; ".join(f"{problem.where} {problem.message}".strip() for problem in error.problems)
