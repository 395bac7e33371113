"""Evaluations of a trained run: each runs once, is stored whole, and is reported to the hooks."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pluggy
import torch

from semreg.core import Problem, Result, UserError, closest, plugin_manager, seed_of
from semreg.core.errors import LONGEST_MESSAGE, CannotWrite, cause_of
from semreg.core.memory import out_of_memory
from semreg.data.decoding import CannotRead
from semreg.recipe.component_errors import failure_text, shown
from semreg.recipe.plan import EvaluationPlan, Node, reads_in
from semreg.store.folder import RunFolder
from semreg.store.layout import EVALUATIONS
from semreg.store.messages import say
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
) -> Evaluated:
    """Run the recipe's missing evaluations, or those of `only` (all with `again`).

    `judge` trains or opens the run of a judge's recipe, on the run's data with the changes given; `folders` are the
    names of the evaluations' folders. The hooks receive all of them, also stored ones: the process that ran these may
    have been killed before it could call the hooks. If one fails, a message states why, and the others continue.

    Raises CannotWrite for a folder that can't be written, CannotRead for an image that can't be read any more.
    """
    done = Evaluated({}, {})
    for name, plan in run.plan.evaluations.items():
        if only and name not in only:
            continue
        path = folder.folder / EVALUATIONS / folders[name]
        try:
            if path.is_dir() and not again:
                done.results[name] = read_result(path)
            else:
                folder.status("running", phase=f"evaluating {name}")
                plugin_manager.call(manager, "evaluation_started", run=folder, name=name)
                result = _evaluate(run, plan, judge)
                write_result(path, result)
                done.results[name] = read_result(path)
        except (CannotWrite, CannotRead, KeyboardInterrupt):  # no fault of its own
            raise
        except BaseException as error:  # SystemExit and what plugins make up, too
            done.failures[name] = why_failed(plan.node, error)
            say(f"evaluation {name!r} failed: {done.failures[name]}")
            continue
        plugin_manager.call(manager, "evaluation_done", run=folder, name=name, result=done.results[name])
    return done


def require_before_training(run: Run) -> None:
    """Raise UserError for problems that modules and evaluations know before any training.

    A module's method `before_training` checks the number of training images; an evaluation's attribute
    `before_training` checks its inputs and all its options. Both raise ValueError.
    """
    problems = []
    for name, module in run.modules.items():
        known: Any = getattr(module, "before_training", None)
        try:
            if known is not None:
                known(run.counts["train"])
        except ValueError as error:
            problems.append(Problem(f"modules.{name}", str(error)))
    for name, plan in run.plan.evaluations.items():
        known = getattr(plan.node.loaded.value, "before_training", None)
        if known is None:
            continue
        parameters = plan.node.loaded.signature.parameters.values()
        given = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
        try:
            known(*_inputs(run, plan), **{**given, **plan.node.options})
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            said = f"{shown(plan.node.loaded)} {failure_text(error)}"
            if isinstance(error, (ValueError, UserError)):
                said = error.problems[0].message if isinstance(error, UserError) else cause_of(error)
            problems.append(Problem(f"evaluate.{name}", said))
    if problems:
        raise UserError(str(run.plan.recipe.path), problems)


@dataclass(frozen=True)
class Evaluated:
    """The results of evaluations, by their names, and the reasons of failed ones."""

    results: dict[str, Result]
    failures: dict[str, str]


def why_failed(node: Node, error: BaseException) -> str:
    """Return why a call failed, with the component's distribution, and the place of an unintended error."""
    origin = node.loaded.origin
    if isinstance(error, UserError):
        said = "; ".join(f"{one.where} {one.message}".strip() for one in error.problems)
        return f"{said[:LONGEST_MESSAGE]} ({origin})"
    if isinstance(error, SystemExit):
        return f"it {failure_text(error)} ({origin})"
    if out_of_memory(error):
        return f"memory ran out; all that is trained is kept ({origin})"
    if isinstance(error, ValueError):
        return f"{cause_of(error)} ({origin})"
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{cause_of(error)} ({origin}, {Path(last.filename).name} line {last.lineno})"


def _inputs(run: Run, plan: EvaluationPlan) -> list[Any]:
    """Return the modules and handles for an evaluation."""
    return [run.module(name) if name in run.plan.modules else run.tensor(name) for name in reads_in(plan.node)]


def _evaluate(run: Run, plan: EvaluationPlan, judge: Judges) -> Result:
    filled: dict[str, Any] = {}
    if plan.node.loaded.random:
        filled["generator"] = torch.Generator().manual_seed(seed_of(run.seed, "evaluation", plan.name))
    if plan.judge is not None:
        filled["judge"] = judge(plan.judge, plan.judge_data)
    result = called(plan.node, _inputs(run, plan), filled)
    # A paper's figures are of test images.
    return replace(result, paper={**result.paper, **_paper(plan, result)} if run.judge_on == "test" else {})


def called(node: Node, inputs: Sequence[Any], filled: Mapping[str, Any]) -> Result:
    """Call a node's component with these inputs, its options and the supplied parameters. Raises the component's
    errors, and ValueError if it doesn't return a Result.
    """
    result = node.loaded.value(*inputs, **node.options, **filled)
    if not isinstance(result, Result):
        raise ValueError(f"it returned a {type(result).__name__}, not a Result")
    return result


def _paper(plan: EvaluationPlan, result: Result) -> dict[str, float]:
    """Return the paper's figures that this result has, too; a message names the others."""
    for name in plan.paper.keys() - result.figures.keys():
        say(f"evaluation {plan.name!r} has no figure {name!r} beside the paper's{closest(name, result.figures)}")
    return {name: value for name, value in plan.paper.items() if name in result.figures}
