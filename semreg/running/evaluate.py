"""Evaluations of a trained run: repeated, or from another recipe that trains the same."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from semreg.core import Problem, Result, UserError, closest
from semreg.core.errors import CannotWrite
from semreg.data.root import data_root_of
from semreg.recipe.comparing import differing_keys
from semreg.recipe.load import Recipe, composed_recipe, load_recipe
from semreg.recipe.names import referred
from semreg.recipe.plan import Plan
from semreg.running.arithmetic import arithmetic
from semreg.running.choices import Choices, chosen_before
from semreg.running.finishing import evaluate_and_report, telling
from semreg.running.hooks import listeners
from semreg.running.identity import identity
from semreg.running.judges import judges_of
from semreg.running.reproducing import command_of
from semreg.running.start import folders_of, judged_by
from semreg.store import recipes
from semreg.store.folder import RunFolder
from semreg.store.layout import STATUS
from semreg.store.names import in_zoo
from semreg.store.reading import refuse_exported
from semreg.trained.display import Results
from semreg.trained.opening import open_trained, read_run
from semreg.training.interrupts import Interrupts


def evaluate(
    folder: str | Path,
    only: Sequence[str] | None = None,
    *,
    recipe: str | Path | None = None,
    overrides: Sequence[str] = (),
    prune: bool = False,
    data_root: str | Path | None = None,
    device: str = "auto",
    judge_on: str = "test",
) -> dict[str, Result]:
    """Run the evaluations of a trained run again, or those of `only`, and rewrite its report.

    With a recipe that trains the same, or with overrides of the run's own, it runs only the evaluations that the run
    lacks, and the report is that recipe's. `prune` removes results that belong to no recipe of the run any more.
    Results on "validation" and "test" images are stored separately.

    If an evaluation fails, it prints why, and there is no result. Raises UserError if the run is not finished, has no
    such evaluation, or the recipe trains something else.
    """
    path = in_zoo(Path(folder))
    refuse_exported(path, "evaluated")
    record, table = read_run(path)
    other: Recipe | None = None
    if recipe is not None:
        other = load_recipe(recipe, overrides)
    elif overrides:
        other = composed_recipe(referred(record["recipe"]), table, overrides)
    as_before: dict[str, Any] = chosen_before(record)
    with arithmetic(Choices(device=device, judge_on=judge_on, **as_before)):  # before the device is used
        run = open_trained(path, recipe=other, data_root=data_root, device=device, judge_on=judge_on)
        choices = Choices(
            seed=record["seed"], device=device, precision=record["precision"], out=path.parent,
            data_root=data_root_of(data_root), skip_bad_images=bool(record.get("skip_bad_images")), judge_on=judge_on,
            **as_before,
        )  # fmt: skip
        if other is not None:
            _require_same_training(path, record.get("training"), run.plan, choices)
        _require_here(run.plan, only)
        _ = run.data  # before anything of it is read or written: they may be missing, or others
        files = RunFolder(path, recipes.kept_as(run.plan.name, judge_on), run.plan.table)
        files.open()
        before = files.read_json(STATUS)
        try:
            manager = listeners(choices, files.warn)
            with Interrupts() as interrupts, telling(files, manager):
                again = other is None or bool(only)
                judge, judges = judged_by(run, choices, interrupts), judges_of(run.plan, choices)
                folders = folders_of(run.plan, choices, judges)
                if recipe is not None:
                    parent = (record.get("continues") or {}).get("run")
                    made = replace(choices, continue_from=path.parent / parent if parent else None)
                    command = command_of(recipe, overrides, made)
                else:
                    command = _command_before(path, record, files.name, overrides)
                done = evaluate_and_report(run, files, folders, judges, judge, manager, command, only or (), again)
            if prune:
                recipes.prune(path)
        except BaseException:
            with contextlib.suppress(CannotWrite):  # what there was stays, and counts as before
                files.write_json(STATUS, before)
            raise
        finally:
            files.close()
        return Results(done.results)


def _command_before(path: Path, record: Mapping[str, Any], kept: str, overrides: Sequence[str]) -> str:
    """Return the command that made a run and its evaluations before, with these overrides, or for other images."""
    made = str(record.get("command") or "")
    before, judge_on = recipes.command_of(path, kept), recipes.judged_on(kept)[1]
    told = judge_on == "test" and not any(word in made for word in ("--judge-on", "judge_on="))
    others = [] if before or told else ["--judge-on", judge_on]
    changes = [*others, *(word for text in overrides for word in ("--set", text))]
    again = shlex.join(["semreg", "evaluate", str(path), *changes]) if changes else ""
    return "\n".join(filter(None, [before or made, again]))


def _require_same_training(path: Path, training: object, plan: Plan, choices: Choices) -> None:
    found = differing_keys(training, identity(plan, choices).table)
    if found:
        problems = [Problem(key, "differs from the run's training") for key in found]
        raise UserError(str(path), [*problems, Problem("", "so this is a different run; train it by `semreg run`")])


def _require_here(plan: Plan, only: Sequence[str] | None) -> None:
    """Raise UserError for requested evaluations that don't exist, or can't run here."""
    for name in only or ():
        if name not in plan.tables.evaluate:
            near = closest(name, plan.tables.evaluate)
            raise UserError(str(plan.recipe.path), f"the recipe has no evaluation {name!r}{near}")
    wanted = [f"evaluate.{name}" for name in only or plan.tables.evaluate]
    lacking = [
        problem for problem in plan.lacking if any(f"{problem.where}.".startswith(f"{name}.") for name in wanted)
    ]
    if lacking:
        raise UserError(str(plan.recipe.path), lacking)
