"""Weights of a module from another run: `weights = "RUN:module"`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from semreg.core import Problem, UserError
from semreg.core.errors import cause_of
from semreg.recipe.comparing import differing_keys
from semreg.recipe.load import Recipe, load_recipe
from semreg.recipe.names import find_recipe, reference, referred
from semreg.recipe.plan import Plan
from semreg.store.checkpoint import read_state
from semreg.store.disk import read_object
from semreg.store.layout import RECORD
from semreg.store.reading import as_written
from semreg.store.recipes import read_recipe
from semreg.store.record import RunRecord, known_runs

_TRAINS = ("data", "modules", "tensors", "losses", "optimizer", "phases", "order")
"""The tables of a recipe that affect its training."""


def load_weights(plan: Plan, modules: Mapping[str, nn.Module], runs: Path) -> None:
    """Load the weights of modules with `weights = "RUN:module"` from other runs: by path, or, in the folder `runs`, by
    a run's name or that of its recipe.

    Raises UserError if the run or module does not exist, and for weights that don't fit.
    """
    for name, module in plan.modules.items():
        if module.weights is None or name not in modules:
            continue
        where = f"modules.{name}.weights"
        folder, other = run_of_weights(plan, name, module.weights, runs)
        state = read_state(folder, read_object(folder / RECORD) or {}) or {"modules": {}, "averages": {}}
        with as_written(folder):
            weights = (state["modules"] | state["averages"]).get(other)  # the recipe that the run would be opened with
        if weights is None:
            raise UserError(str(plan.recipe.path), [Problem(where, f"{folder} holds no trained module {other!r}")])
        try:
            modules[name].load_state_dict(weights)
        except (RuntimeError, TypeError, AttributeError) as error:
            reason = cause_of(error)[:300]
            raise UserError(
                str(plan.recipe.path), [Problem(where, f"{other!r} of {folder} does not fit: {reason}")]
            ) from error


def run_of_weights(plan: Plan, module: str, weights: str, runs: Path) -> tuple[Path, str]:
    """Return the folder of the run in `weights`, a run's or that of the current version of a recipe, and the name of
    its module. Raises UserError if there is no such run."""
    path, _, other = weights.rpartition(":")
    for folder in (Path(path), runs / path) if path else ():
        if os.path.isfile(folder / RECORD):
            return folder, other
    where = f"modules.{module}.weights"
    advice = "write the path of a run's folder and a module: 'runs/NAME:encoder'"
    try:
        recipe = load_recipe(find_recipe(path, plan.recipe.path.parent)) if path else None
    except LookupError as error:
        recipe, advice = None, f"{advice}; {error}"
    if recipe is None:
        raise UserError(str(plan.recipe.path), [Problem(where, f"{weights!r} names no run; {advice}")])
    of_recipe = _runs_of_recipe(recipe, runs)
    as_written = [run.folder for run in of_recipe if _is_as_written(run, recipe)]
    if not as_written:
        others = f"; of others of it, name one: {', '.join(run.folder.name for run in of_recipe)}" if of_recipe else ""
        message = f"{runs} holds no trained run of {path} as it is written, which `semreg run {path}` makes{others}"
        raise UserError(str(plan.recipe.path), [Problem(where, message)])
    return as_written[0], other


def _runs_of_recipe(recipe: Recipe, runs: Path) -> list[RunRecord]:
    """Return the runs that are trained by a recipe, in any version of it."""
    said = reference(recipe.path)
    trained = (run for run in known_runs(runs) if run.record.get("trained"))
    return [run for run in trained if reference(referred(str(run.record.get("recipe")))) == said]


def _is_as_written(run: RunRecord, recipe: Recipe) -> bool:
    """Return whether a run is trained by the current version of a recipe, with the recipe's own seed."""
    table = recipe.resolve(fallback=bool(run.record.get("fallback")) and recipe.has_fallback)
    parts = [{key: one[key] for key in _TRAINS if key in one} for one in (read_recipe(run.folder, run.name), table)]
    return not differing_keys(*parts) and run.record.get("seed") == table.get("seed", 0)
