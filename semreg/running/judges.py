"""Independent classifiers for evaluations: runs of their own recipes on the data of the run that they judge."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from semreg.core import ClassField, DataMissing, Problem, Reads, UserError, closest
from semreg.data.summary import some
from semreg.recipe.check import check
from semreg.recipe.load import Recipe, load_recipe
from semreg.recipe.merging import overlay
from semreg.recipe.plan import EvaluationPlan, Plan, reads_in
from semreg.recipe.schema import BATCH_KEYS, other_images
from semreg.running.choices import Choices
from semreg.running.identity import identity
from semreg.store.reading import table_in
from semreg.store.record import known_runs
from semreg.trained.opening import VALIDATION_SHARE, open_data
from semreg.trained.run import seen_by_evaluations
from semreg.training.trial import check_by_dry_run

MOST_NAMED = 12
"""The most classes that a message names one by one."""


def judge_plan(judged: Plan, path: Path, changes: Mapping[str, Any], choices: Choices) -> Plan:
    """Return the plan of a judge's recipe on the data of a run: trained once for all runs on the same data.

    The judge keeps its own seed and batches. It takes from the judged run only the data, and the values of variables
    that both have under `[each]`. `changes` apply to the data, for example if a judge must know people on whom the run
    is tested. If they change images or the split, the judge may train on images that it judges, and keeps only the size
    of a validation split by classes, since it must know all classes. Otherwise it trains on no image that it judges,
    also if these are validation images, whichever recipe cuts them. Raises UserError for errors in the recipe or the
    changes.
    """
    table = load_recipe(path).table
    variables, known = table.get("each"), judged.table.get("each", {})
    if isinstance(variables, dict):  # the variables that differ between data
        table = table | {"each": {name: known.get(name, values) for name, values in variables.items()}}
    own = table["data"] if isinstance(table.get("data"), dict) else {}
    data = {key: value for key, value in judged.table["data"].items() if key not in BATCH_KEYS}
    data |= {key: value for key, value in own.items() if key in BATCH_KEYS}
    data = overlay(data, changes, ("data",))
    if other_images(changes) and "validation" not in table_in(changes, "split"):
        data = _uncut_by_classes(data)
    if choices.judge_on == "validation" and judged.validates and not _validates(table):
        data = overlay({"split": {"validation": VALIDATION_SHARE}}, data, ("data",))
    recipe = Recipe(path, table | {"data": data})
    try:
        return check(recipe, data_root=choices.data_root)
    except DataMissing:  # the run knows the fields, which suffice to identify the judge's run
        return check(recipe, data_root=choices.data_root, trained_on=judged.fields)


def _uncut_by_classes(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of data with a validation split that depends on no field."""
    split = table_in(data, "split")
    amount = table_in(split, "validation").get("amount")
    return dict(data) if amount is None else {**data, "split": {**split, "validation": amount}}


def _validates(table: Mapping[str, Any]) -> bool:
    """Return whether a phase of a recipe validates, which cuts a validation split even if none is requested."""
    phases = table.get("phases")
    return isinstance(phases, dict) and any(isinstance(one, dict) and "validate" in one for one in phases.values())


def of_a_judge(choices: Choices) -> Choices:
    """Return the choices of a run for its judges, which have their own seed."""
    return replace(choices, seed=None, continue_from=None)


def judge_of(plan: Plan, evaluation: EvaluationPlan, choices: Choices) -> Plan:
    """Return the plan of an evaluation's judge. Raises UserError for errors, at the evaluation's key."""
    try:
        return judge_plan(plan, evaluation.judge or Path(), evaluation.judge_data, choices)
    except DataMissing:
        raise
    except UserError as error:
        where = f"evaluate.{evaluation.name}.judge"
        said = [Problem(where, f"{error.source}: {one.where} {one.message}".strip()) for one in error.problems]
        raise UserError(str(plan.recipe.path), said) from error


def judges_of(plan: Plan, choices: Choices) -> dict[str, str]:
    """Return the hashes of the judges' runs, by the evaluations' names. Raises UserError for errors in recipes."""
    return {
        name: identity(judge_of(plan, evaluation, choices), of_a_judge(choices)).digest
        for name, evaluation in plan.evaluations.items()
        if evaluation.judge is not None
    }


def require_images(plan: Plan, choices: Choices, *, opened: dict[str, UserError | None]) -> None:
    """Open the data of a plan, unless another plan has `opened` them, which then holds the outcome.

    Raises UserError if they can't be read, can't be split as in the recipe, or have no images to judge on.
    """
    path = str(plan.recipe.path)
    own = {key: value for key, value in plan.table["data"].items() if key not in BATCH_KEYS}
    told = json.dumps([own, plan.validates], sort_keys=True, default=str)
    if told not in opened:
        opened[told] = None
        try:
            seen_by_evaluations(open_data(plan, skip_bad_images=choices.skip_bad_images), plan, choices.judge_on)
        except UserError as error:
            opened[told] = UserError("" if error.source == path else error.source, error.problems)
    refused = opened[told]
    if refused is not None:
        raise UserError(refused.source or path, refused.problems)


def check_judges(
    plan: Plan, choices: Choices, *, above: tuple[tuple[str, str], ...] = (), tried: set[str] | None = None
) -> None:
    """Check the judges of a plan, and theirs, as the plan itself is checked; untrained ones also by a dry run.

    `above` are the hashes and names of the judged runs, `tried` the hashes of judges tried before; the function adds
    new ones. Raises UserError for errors in their recipes, judges that lack a tensor that the evaluation reads or know
    other classes, and runs that judge themselves.
    """
    own = (identity(plan, choices).digest, plan.name)
    problems: list[Problem] = []
    tried = set() if tried is None else tried
    trained = {run.record.get("hash") for run in known_runs(choices.out) if run.record.get("trained")}
    for evaluation in plan.evaluations.values():
        if evaluation.judge is None:
            continue
        judge, where = judge_of(plan, evaluation, choices), f"evaluate.{evaluation.name}.judge"
        digest = identity(judge, of_a_judge(choices)).digest
        chain = (*above, own)
        if digest in [known for known, _ in chain]:
            names = " -> ".join([*(name for _, name in chain), judge.name])
            problems.append(Problem(where, f"a run can't judge itself ({names}); name another recipe"))
            continue
        problems += [Problem(where, message) for message in _unfit(plan, evaluation, judge)]
        if digest not in tried:
            tried.add(digest)
            if digest not in trained:
                check_by_dry_run(judge)
            check_judges(judge, of_a_judge(choices), above=chain)
    if problems:
        raise UserError(str(plan.recipe.path), problems)


def _unfit(plan: Plan, evaluation: EvaluationPlan, judge: Plan) -> Iterator[str]:
    """Yield why a judge can't serve an evaluation."""
    signature = evaluation.node.loaded.signature
    labels = {
        name: field for name in reads_in(evaluation.node) if isinstance(field := plan.fields.get(name), ClassField)
    }
    for wanted in get_args(signature.types.get("judge")):
        if not isinstance(wanted, Reads):
            continue
        for label in labels if "{label}" in wanted.tensor else [""]:
            tensor = wanted.tensor.replace("{label}", label)
            if tensor not in judge.tensors:
                yield (
                    f"{judge.name} has no tensor {tensor!r}, which {evaluation.node.name} reads"
                    f"{closest(tensor, judge.tensors)}"
                )
    for label, field in labels.items():
        other = judge.fields.get(label)
        if isinstance(other, ClassField) and other.names != field.names:
            names = f"{some(other.names, MOST_NAMED)}, and the run's data have {some(field.names, MOST_NAMED)}"
            yield f"{judge.name} knows other classes of {label}: {names}"
