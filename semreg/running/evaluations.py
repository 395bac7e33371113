"""Evaluations of a trained run: each done once, stored whole, told to the hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pluggy
import torch

from semreg.core import Result, UserError, plugin_manager, seed_of
from semreg.core.memory import out_of_memory
from semreg.recipe.plan import EvaluationPlan, reads_in
from semreg.store.folder import RunFolder
from semreg.store.layout import EVALUATIONS
from semreg.store.results import read_result, write_result
from semreg.trained.run import Run

Judges = Callable[[Path, Mapping[str, Any]], Run]


def evaluate_run(
    run: Run,
    folder: RunFolder,
    manager: pluggy.PluginManager,
    judge: Judges,
    folders: Mapping[str, str],
    only: Sequence[str] | None = None,
    again: bool = False,
) -> dict[str, Result]:
    """Do the recipe's evaluations, or those of `only`, that are not done yet (all with `again`).

    `judge` trains or opens the run of a judge's recipe, on the run's data with the changes given; `folders` are the
    names of the folders of the evaluations. The hooks are told of all: of those that were done, the process that did
    them may have been killed before it could tell.

    """
    results = {}
    for name, plan in run.plan.evaluations.items():
        if only and name not in only:
            continue
        path = folder.folder / EVALUATIONS / folders[name]
        if path.is_dir() and not again:
            results[name] = read_result(path)
        else:
            folder.status("running", phase=f"evaluating {name}")
            plugin_manager.call(manager, "evaluation_started", run=folder, name=name)
            results[name] = _evaluate(run, plan, judge)
            write_result(path, results[name])
        plugin_manager.call(manager, "evaluation_done", run=folder, name=name, result=results[name])
    return results


def _evaluate(run: Run, plan: EvaluationPlan, judge: Judges) -> Result:
    filled: dict[str, Any] = {}
    if plan.node.loaded.random:
        filled["generator"] = torch.Generator().manual_seed(seed_of(run.seed, "evaluation", plan.name))
    if plan.judge is not None:
        filled["judge"] = judge(plan.judge, plan.judge_data)
    inputs = [run.module(name) if name in run.plan.modules else run.tensor(name) for name in reads_in(plan.node)]
    try:
        result = plan.node.loaded.value(*inputs, **plan.node.options, **filled)
    except ValueError as error:
        raise UserError(str(run.folder), f"evaluation {plan.name!r}: {error}") from error
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        message = f"evaluation {plan.name!r}: memory ran out; all that is trained is kept"
        raise UserError(str(run.folder), message) from error
    if not isinstance(result, Result):
        raise UserError(str(run.folder), f"evaluation {plan.name!r} returned a {type(result).__name__}, not a Result")
    return result
