"""Weights of a module from another run: `weights = "RUN:module"`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from semreg.core import Problem, UserError
from semreg.core.errors import cause_of
from semreg.recipe.names import find_recipe, reference, referred
from semreg.recipe.plan import Plan
from semreg.store.checkpoint import read_latest
from semreg.store.layout import CHECKPOINTS, RECORD
from semreg.store.reading import as_written
from semreg.store.record import known_runs


def load_weights(plan: Plan, modules: Mapping[str, nn.Module], runs: Path) -> None:
    """`weights = "RUN:module"`: weights of modules from other runs, by their paths, or, in the folder `runs`, by their
    names or that of their recipe.

    Raises UserError for what is no such run or module, and for weights that don't fit.
    """
    for name, module in plan.modules.items():
        if module.weights is None or name not in modules:
            continue
        where = f"modules.{name}.weights"
        folder, other = run_of_weights(plan, name, module.weights, runs)
        state = read_latest(folder / CHECKPOINTS)[0] or {"modules": {}, "averages": {}}
        with as_written(folder):
            weights = (state["modules"] | state["averages"]).get(other)  # what the run would be opened with
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
    """The folder of the run and the name of the module in it that `weights` says. Raises UserError if there is no such
    run, or a recipe is named that has several."""
    path, colon, other = weights.rpartition(":")
    found = [folder for folder in (Path(path), runs / path) if os.path.isfile(folder / RECORD)][:1]
    if colon and not found:
        found = _runs_of_recipe(path, plan.recipe.path.parent, runs)
    if len(found) == 1:
        return found[0], other
    message = f"{weights!r} names no run; write the path of a run's folder and a module: 'runs/NAME:encoder'"
    if found:
        message = f"{runs} holds several runs of {path}; name one: {', '.join(folder.name for folder in found)}"
    raise UserError(str(plan.recipe.path), [Problem(f"modules.{module}.weights", message)])


def _runs_of_recipe(said: str, folder: Path, runs: Path) -> list[Path]:
    """The folders of the runs that are trained by a recipe, named from a folder; none if there is no such recipe."""
    try:
        recipe = reference(find_recipe(said, folder))
    except LookupError:
        return []
    trained = (run for run in known_runs(runs) if run.record.get("trained"))
    return [run.folder for run in trained if reference(referred(str(run.record.get("recipe")))) == recipe]
