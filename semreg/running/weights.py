"""Weights of a module from another run: `weights = "RUN:module"`."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from semreg.core import Problem, UserError
from semreg.core.errors import cause_of
from semreg.recipe.plan import Plan
from semreg.running.choices import Choices
from semreg.store.checkpoint import read_latest
from semreg.store.layout import CHECKPOINTS, RECORD
from semreg.store.reading import as_written


def load_weights(plan: Plan, modules: dict[str, nn.Module], choices: Choices) -> None:
    """`weights = "RUN:module"`: a module's weights from another run."""
    for name, module in plan.modules.items():
        if module.weights is None:
            continue
        where = f"modules.{name}.weights"
        path, colon, other = module.weights.rpartition(":")
        folder = next((p for p in (Path(path), choices.out / path) if (p / RECORD).is_file()), None)
        if not colon or folder is None:
            message = (
                f"{module.weights!r} names no run; write the path of a run's folder and a module: 'runs/NAME:encoder'"
            )
            raise UserError(str(plan.recipe.path), [Problem(where, message)])
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
