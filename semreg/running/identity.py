"""What a run is: the part of its recipe that decides its numbers, and the code that this names, as one hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semreg.core.registry import OWN_DISTRIBUTION, components
from semreg.recipe.bounds import TomlTable
from semreg.recipe.plan import (
    ComparisonPlan,
    EvaluationPlan,
    ModulePlan,
    Node,
    OptimizerPlan,
    PhasePlan,
    Plan,
    StepPlan,
    Value,
    calls_in,
    uses,
)
from semreg.recipe.resolve import loaded
from semreg.running.choices import DECIDING_BITS, Choices, others_than_default
from semreg.running.sources import component_digest
from semreg.store.record import read_record
from semreg.trained.weights import run_of_weights

IN_A_NAME = 6
"""How many digits of a hash stand in the name of a folder."""


@dataclass(frozen=True)
class Identity:
    """What decides the numbers of a run: `table` is the recipe's part, as it is written; `digest` names the run.

    `choices` are those of the user's that change last bits, as far as they are others than by default: whoever asks for
    a run without TF32, compiled, or of the same bits each time, must not get one that was made otherwise. What only
    the machine decides, device, threads and versions, is no part of it: that is recorded, and compared where a training
    goes on. Capturing steps changes no bit.
    """

    table: TomlTable
    seed: int
    precision: str
    choices: dict[str, bool]
    digest: str


def identity(plan: Plan, choices: Choices) -> Identity:
    """The identity of the run of a plan. Raises UserError for `weights` of a run that is not there."""
    seed = plan.tables.seed if choices.seed is None else choices.seed
    table = _trained(plan.trained_part(), choices.out)
    chosen = others_than_default({name: getattr(choices, name) for name in DECIDING_BITS})
    content = [table, seed, choices.precision, *([chosen] if chosen else [])]
    return Identity(table, seed, choices.precision, chosen, _hash(content))


def continued(parent: str, recipe: str) -> str:
    """The hash of a run that goes on from another with a recipe of more epochs, by the hashes of both."""
    return _hash([parent, recipe])


def evaluation_folders(
    plan: Plan, judge: Callable[[EvaluationPlan], str], runs: Path, judge_on: str = "test"
) -> dict[str, str]:
    """For each evaluation of a plan the name of its folder: its own, and a hash of what it does, and with what.

    `judge` gives the hash of the run of an evaluation's judge, `judge_on` says on which images.
    """
    folders = {}
    for name, evaluation in plan.evaluations.items():
        content = {
            **_done(plan, evaluation.node, runs, judge_on),
            "judge": judge(evaluation) if evaluation.judge else None,
            **_unless({}, paper=evaluation.paper),
        }
        folders[name] = f"{name}-{_hash(content)[:IN_A_NAME]}"
    return folders


def comparison_digest(plan: Plan, comparison: ComparisonPlan, runs: Path, judge_on: str = "test") -> str:
    """A hash of what a comparison of a plan does, and with what of its runs, which are not told."""
    return _hash(_done(plan, comparison.node, runs, judge_on))


def _done(plan: Plan, node: Node, runs: Path, judge_on: str) -> TomlTable:
    """What a call does after training, and with what of the run."""
    found = uses([node], plan.tensors)
    read = found.read | found.modules
    package = ".".join(node.loaded.target.partition(":")[0].split(".")[:2])
    own = node.loaded.distribution == OWN_DISTRIBUTION
    return {
        "call": _call(node),
        "roles": vars(plan.roles),
        "tensors": {key: _call(value) for key, value in plan.tensors.items() if key in read},
        "modules": {key: _module(plan, one, runs) for key, one in plan.modules.items() if key in read},
        "source": component_digest(node.loaded, within=package if own else None),
        "sources": _sources([*(plan.modules[key].node for key in plan.modules if key in read), *found.calls])
        | _interpolators([*_options(node), plan.roles.interpolator]),
        **_unless("test", judge_on=judge_on),
    }


# --- the recipe's part, in one form whatever it is written like ---


def _trained(plan: Plan, runs: Path) -> TomlTable:
    split = plan.data.split.model_dump(exclude_defaults=True)
    data = {"range": plan.data.range, "split": split, "use": plan.data.use, "options": plan.data.options}
    nodes = [node for node in plan.nodes() if node is not plan.dataset_node]  # whose content is compared as such
    table = {
        "data": data,
        "modules": {name: _module(plan, module, runs) for name, module in plan.modules.items()},
        "tensors": {name: _call(value) for name, value in plan.tensors.items()},
        "losses": {name: _call(node) for name, node in plan.losses.items()},
        "phases": {phase.name: _phase(phase) for phase in plan.phases},
        "order": [phase.name for phase in plan.phases],
        "sources": _sources(nodes),
    }
    content: TomlTable = json.loads(_json(table))  # as it is read from a record
    return content


def _phase(phase: PhasePlan) -> TomlTable:
    """The order of steps, rows and the losses of a row is part of it: it decides the last bits of sums."""
    return {
        "epochs": phase.epochs,
        "batch_size": phase.batch_size,
        "unlabelled": phase.unlabelled,
        "sampler": phase.sampler and _call(phase.sampler),
        "steps": {step.name: _step(step) for step in phase.steps},
        "order": [[step.name, [[module, list(row)] for module, row in step.rows.items()]] for step in phase.steps],
        "optimizers": {module: _optimizer(optimizer) for module, optimizer in phase.optimizers.items()},
        "precompute": list(phase.precompute),
        "validate": phase.validate and phase.validate.model_dump(exclude_defaults=True),
    }


def _step(step: StepPlan) -> TomlTable:
    return {"repeat": step.repeat, "rows": step.matrix} | _unless(1, accumulate=step.accumulate)


def _optimizer(plan: OptimizerPlan) -> TomlTable:
    groups = [[group.pattern, dict(group.written), group.schedule and _call(group.schedule)] for group in plan.groups]
    clip = plan.clip and (plan.clip.norm if plan.clip.value is None else plan.clip.model_dump())
    return {**_call(plan.node), "schedule": plan.schedule and _call(plan.schedule), "groups": groups, "clip": clip}


def _unless(default: Any, **keys: Any) -> TomlTable:
    """What isn't the default: recipes that don't say a key are what they were before there was one."""
    return {key: value for key, value in keys.items() if value != default}


def _module(plan: Plan, module: ModulePlan, runs: Path) -> TomlTable:
    weights = None
    if module.weights is not None:  # the run that they are of may lie anywhere
        folder, other = run_of_weights(plan, module.name, module.weights, runs)
        weights = [read_record(folder).record.get("hash"), other]
    return {**_call(module.node), "ema": module.ema, "weights": weights, **_unless(None, precision=module.precision)}


def _call(value: Value) -> TomlTable:
    return {"call": str(value), "options": dict(value.written) if isinstance(value, Node) else {}}


def _sources(values: Iterable[Node]) -> dict[str, str]:
    """A digest of the source of each component that is not semreg's own, nor a library's."""
    found = {}
    for value in values:
        for node in calls_in(value):
            component = node.component
            if component is not None and component.distribution != OWN_DISTRIBUTION:
                digest = component_digest(component)
                if digest:
                    found[f"{component.kind} {component.name}"] = digest
    return found


def _options(node: Node) -> Iterator[Any]:
    """The values of all options of a call, those left out too."""
    for name, parameter in node.loaded.signature.parameters.items():
        yield node.options.get(name, parameter.default)


def _interpolators(values: Iterable[Any]) -> dict[str, str]:
    """A digest of the source of each interpolator, not of semreg's own, that options name, at whatever depth."""
    known = {one.name: one for one in components("interpolator") if one.distribution != OWN_DISTRIBUTION}
    found, pending = {}, list(values)
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            pending += value.values()
        elif isinstance(value, (list, tuple)):
            pending += value
        elif isinstance(value, str) and value in known:
            interpolator = loaded(value, ["interpolator"])
            if not isinstance(interpolator, str):
                found[f"interpolator {value}"] = component_digest(interpolator)
    return found


def _hash(content: Any) -> str:
    return hashlib.sha256(_json(content).encode("utf-8", "surrogatepass")).hexdigest()


def _json(content: Any) -> str:
    return json.dumps(content, sort_keys=True, default=str)
