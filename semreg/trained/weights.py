"""Weights of a module from another run: `weights = "RUN:module"`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from semreg.core import Problem, UserError
from semreg.core.errors import cause_of
from semreg.recipe.plan import Plan
from semreg.store.checkpoint import read_state
from semreg.store.disk import read_object
from semreg.store.layout import RECORD
from semreg.store.reading import as_written


def load_weights(plan: Plan, modules: Mapping[str, nn.Module], runs: Path) -> None:
    """`weights = "RUN:module"`: weights of modules from other runs, by their paths or their names in the folder `runs`.

    Raises UserError for what is no such run or module, and for weights that don't fit.
    """
    for name, module in plan.modules.items():
        if module.weights is None or name not in modules:
            continue
        where = f"modules.{name}.weights"
        folder, other = run_of_weights(plan, name, module.weights, runs)
        state = read_state(folder, read_object(folder / RECORD) or {}) or {"modules": {}, "averages": {}}
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
    run."""
    path, colon, other = weights.rpartition(":")
    folder = next((p for p in (Path(path), runs / path) if os.path.isfile(p / RECORD)), None)
    if not colon or folder is None:
        message = f"{weights!r} names no run; write the path of a run's folder and a module: 'runs/NAME:encoder'"
        raise UserError(str(plan.recipe.path), [Problem(f"modules.{module}.weights", message)])
    return folder, other
