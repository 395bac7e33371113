"""A grid of runs, recipes by seeds, and its table: finished runs stay, and the others continue if one fails."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from semreg.core import DataMissing, Executor, Problem, UserError, closest
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
from semreg.store.messages import say
from semreg.store.record import RunRecord, by_hash, known_runs
from semreg.tables.executors.choosing import executor_of
from semreg.tables.executors.elsewhere import make_elsewhere, require_elsewhere
from semreg.tables.executors.here import make_here
from semreg.tables.grid import Grid, Row, require_evaluations, require_matches
from semreg.tables.growing import GridRun, Growing, Wanted
from semreg.tables.pages import text_of, writing_table
from semreg.tables.pictures.paper_figures import require_known, write_figures
from semreg.tables.plots import require_plottable
from semreg.tables.ranking import best_row, ranking_by
from semreg.tables.view import title_of
from semreg.training.trial import check_by_dry_run

MOST_SEEDS = 1_000


@dataclass(frozen=True)
class MadeTable:
    """A table and its folder."""

    grid: Grid
    folder: Path

    @property
    def best(self) -> Row | None:
        """The first row of a ranking; None if no row has all its figures, or nothing is ranked."""
        return best_row(self.grid)

    def __repr__(self) -> str:
        return f"<table {title_of(self.grid)}, in {self.folder}>"

    def _repr_markdown_(self) -> str:
        return text_of(self.grid)


def make_table(
    recipes: Sequence[str | Path | Recipe],
    overrides: Sequence[str],
    seeds: int | str | Sequence[int] | None,
    wanted: Wanted,
    choices: Choices,
) -> MadeTable:
    """Make all unfinished runs of a grid, seed by seed, and write its table after each.

    Raises UserError for errors in any recipe or choice before the first run starts; CannotWrite if the table can't be
    written.
    """
    chosen = chosen_seeds(seeds)
    with arithmetic(choices):
        executor = executor_of(wanted.on, wanted.gpus, choices)
    runs = planned_runs(recipes, overrides, chosen, wanted, choices)
    if wanted.rank:
        rows = [Row(run.plan.name, "", (), run.plan.table) for run in runs]
        wanted = replace(wanted, ranking=ranking_by(wanted.rank, rows))
    growing = Growing(runs, wanted, choices)
    to_do = [] if wanted.only_finished else [k for k, run in enumerate(runs) if run.to_do]
    if to_do:
        require_makeable([runs[k] for k in to_do], executor, wanted, choices)
    elif not any(cell.finished or cell.failed for cell in growing.cells):
        raise UserError(str(choices.out), f"none of these {len(runs)} runs is finished; leave out --only-finished")
    else:
        growing.compare()
        require_matches(growing.grid, wanted.rank)
    return make_runs(growing, to_do, executor)


def make_runs(growing: Growing, to_do: Sequence[int], executor: Executor | None) -> MadeTable:
    """Make the unfinished runs of a table, given by their places, and write it after each."""
    growing.write()
    if to_do and growing.first:
        where = f"; the table grows in {growing.folder}" if growing.wanted.written else ""
        say(f"{growing.left(to_do)} of {growing.total} runs to do{where}")
    if to_do and executor is not None:
        with growing.written():
            make_elsewhere(executor, growing.runs, to_do, growing.put, growing)
    elif to_do:
        with growing.written():
            make_here(growing.runs, to_do, growing.choices, growing.put, growing)
    if any(run.plan.comparisons for run in growing.runs):
        growing.compare()
        growing.write()
    require_matches(growing.grid, growing.wanted.rank)
    if growing.first and growing.wanted.figures_of:
        with writing_table(growing.folder):
            write_figures(growing.grid, growing.wanted.figures_of, growing.folder)
    return MadeTable(growing.told, growing.folder)


def chosen_seeds(seeds: int | str | Sequence[int] | None) -> list[int] | None:
    """Return the seeds that 3, "3", "0,1,2" or [0, 1, 2] mean; None, each recipe's own, stays. Raises UserError."""
    if seeds is None:
        return None
    fit = "write a number, as in --seeds 3 for 0, 1 and 2, or different seeds, as in --seeds 0,1,2 (a single seed: 5,)"
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


def planned_runs(
    recipes: Sequence[str | Path | Recipe],
    overrides: Sequence[str],
    seeds: list[int] | None,
    wanted: Wanted,
    choices: Choices,
    *,
    known: Mapping[str, Sequence[RunRecord]] | None = None,
    rows: int = 0,
) -> list[GridRun]:
    """Plan all runs, the first seed of each recipe first, in as many rows, below the existing ones; it reads the
    `known` runs if they are not given. Raises UserError with the errors of all recipes.
    """
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
    require_possible(
        wanted,
        {plan.name: list(plan.evaluations) for _, plan in planned},
        {plan.name: list(plan.comparisons) for _, plan in planned},
    )
    runs, known = [], by_hash(known_runs(choices.out)) if known is None else known
    folder_of: dict[str, Path] = {}
    folders = [folders_of(plan, choices) for _, plan in planned]
    for k in range(len(seeds) if seeds else 1):
        for row, (recipe, plan) in enumerate(planned):
            own = replace(choices, seed=seeds[k] if seeds else None)
            command = command_of(recipe.said, recipe.written, own) if recipe.said else wanted.command
            place = place_of(plan, own, known)
            # Two recipes that train the same have one run, and rows of their own.
            place = replace(place, folder=folder_of.setdefault(place.identity.digest, place.folder))
            varied = wanted.varied[row] if wanted.varied else {}
            runs.append(GridRun(recipe, plan, own, place, folders[row], command, rows + row, varied))
    _require_different(runs[: len(planned)], trained=wanted.ranking is not None)
    return runs


def require_possible(
    wanted: Wanted, rows: Mapping[str, Collection[str]], compared: Mapping[str, Collection[str]] = {}
) -> None:
    """Raise UserError if no table of these rows, with the evaluations and comparisons of each, could show a wanted
    value.
    """
    if wanted.against is not None and wanted.against not in rows:
        raise UserError("--against", f"no recipe is called {wanted.against!r}{closest(wanted.against, rows)}")
    if wanted.name is not None and not FOLDER_NAME.fullmatch(wanted.name):
        raise UserError("--name", f"{wanted.name!r} names a folder; use letters, digits, '_', '-' and '.'")
    evaluations = {name for names in rows.values() for name in names}
    measured = [{*names, *compared.get(row, ())} for row, names in rows.items()]
    require_evaluations(wanted.figures, {name for names in measured for name in names})
    require_plottable(wanted.plots, measured)
    require_known(wanted.figures_of, evaluations)


def plan_of_row(recipe: Recipe, wanted: Wanted, choices: Choices) -> Plan:
    """Return the plan that runs here or, if nothing will be trained, one that may lack its data."""
    try:
        return plan_for(recipe, choices)[0]
    except DataMissing:
        if not wanted.only_finished:
            raise
        return check(recipe, data_root=choices.data_root)  # what is finished needs its data no more


def _require_different(runs: Sequence[GridRun], *, trained: bool) -> None:
    """Raise UserError unless the runs have distinct names and, for those that are `trained` separately, hashes."""
    first: dict[str, GridRun] = {}
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


def require_makeable(runs: Sequence[GridRun], executor: Executor | None, wanted: Wanted, choices: Choices) -> None:
    """Try every recipe, its judges and the split of its data: an error of the last one must not appear after the
    training of the others. Raises UserError, also for runs that can't be made on the chosen executor."""
    with arithmetic(choices):  # before the device is first used
        choices.torch_device()
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
    if executor is not None:
        require_elsewhere(executor, runs, wanted.on)


def _called(error: UserError, recipe: Recipe, wanted: Wanted) -> UserError:
    """Return an error of a row under the name that the user knows: a row of a sweep has no file."""
    if wanted.swept and error.source == str(recipe.path):
        return UserError(f"{wanted.swept} ({recipe.resolve().get('description')})", error.problems)
    return error


def _raise_all(errors: Sequence[UserError], rows: int, wanted: Wanted) -> None:
    """Raise the errors of some rows as one UserError, each problem once; nothing if there are none."""
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
