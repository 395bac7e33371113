"""The identity of a run: one hash of the part of its recipe that decides its results, and of the code that is used."""

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
"""The number of a hash's digits in a folder's name."""


@dataclass(frozen=True)
class Identity:
    """Everything that decides the results of a run: `table` is that part of the recipe, as written; `digest` names the
    run.

    `choices` are the user's that change last bits and differ from the defaults. A run without TF32, compiled, or with
    repeatable bits must not be replaced by one made otherwise. Properties of the machine (device, threads, versions)
    are not part of it: they are recorded, and compared when training resumes. Capturing steps changes no bit.
    """

    table: TomlTable
    seed: int
    precision: str
    choices: dict[str, bool]
    digest: str


def identity(plan: Plan, choices: Choices) -> Identity:
    """Return the identity of the run of a plan. Raises UserError for `weights` of a missing run."""
    seed = plan.tables.seed if choices.seed is None else choices.seed
    table = _trained(plan.trained_part(), choices.out)
    chosen = others_than_default({name: getattr(choices, name) for name in DECIDING_BITS})
    content = [table, seed, choices.precision, *([chosen] if chosen else [])]
    return Identity(table, seed, choices.precision, chosen, _hash(content))


def continued(parent: str, recipe: str) -> str:
    """Return the hash of a run that continues from another with a recipe of more epochs, by the hashes of both."""
    return _hash([parent, recipe])


def evaluation_folders(
    plan: Plan, judge: Callable[[EvaluationPlan], str], runs: Path, judge_on: str = "test"
) -> dict[str, str]:
    """Return the name of each evaluation's folder: its own name, and a hash of its definition and inputs.

    `judge` returns the hash of the judge's run of an evaluation, `judge_on` names the images.
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
    """Return a hash of a comparison's definition and of the tensors that it reads, but not of the runs themselves."""
    return _hash(_done(plan, comparison.node, runs, judge_on))


def _done(plan: Plan, node: Node, runs: Path, judge_on: str) -> TomlTable:
    """Return the definition of a call after training, with the parts of the run that it uses."""
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
    """Return a phase; the order of steps, rows and losses is part of it, since it decides the last bits of sums."""
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
    """Return the values that differ from the default, so that a new key doesn't change the hash of older recipes."""
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
    """Return a digest of the source of each component that is neither semreg's nor a library's."""
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
    """Yield the values of all options of a call, also of omitted ones."""
    for name, parameter in node.loaded.signature.parameters.items():
        yield node.options.get(name, parameter.default)


def _interpolators(values: Iterable[Any]) -> dict[str, str]:
    """Return a digest of the source of each interpolator, except semreg's, that options name, at any depth."""
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
