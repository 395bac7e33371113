"""The subject of additions and of their ranking figures: the class, its code, the other codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from semreg.core import ClassField, Role, Roles, UserError, closest
from semreg.recipe.inputs import LINES
from semreg.recipe.plan import Plan
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.dry_run import fake_tensors
from semreg.training.program import Program, evaluating


@dataclass(frozen=True)
class ClassCarrier:
    """A class with the label and the code that the recipe's roles name for it, or None with a `reason`.

    `roles` are the recipe's, with this label as the only attribute, so that all other codes are the rest. `shapes` are
    those of the codes and of the output for one image, as far as they can be known without data.
    """

    label: str | None
    code: str | None
    roles: Roles
    reason: str
    shapes: Mapping[str, tuple[int, ...]]


def class_carrier(plan: Plan, label: str | None = None) -> ClassCarrier:
    """Return the class of a recipe: the only field of classes among the attributes of its `[model]`, or `label`.

    Raises UserError for a label that is not one of them.
    """
    attributes = {
        name: code for name, code in plan.roles.attributes.items() if isinstance(plan.fields[name], ClassField)
    }
    reason = ""
    if label is not None and label not in attributes:
        near = closest(label, attributes)
        raise UserError("--label", f"{label!r} is not a field of classes among the attributes of [model]{near}")
    if label is None and len(attributes) == 1:
        label = next(iter(attributes))
    if label is None:
        line = f"add `{LINES[Role.LABEL]}` there, with the recipe's own names"
        reason = f"[model] names no field of classes among its attributes; {line}"
        if attributes:
            reason = f"[model] names several fields of classes, {', '.join(attributes)}; choose one by --label"
    code = None if label is None else attributes[label]
    roles = plan.roles if label is None else replace(plan.roles, attributes={label: attributes[label]})
    named = [name for name in (*roles.code, roles.output) if name in plan.tensors]
    return ClassCarrier(label, code, roles, reason, _shapes(plan, named))


def _shapes(plan: Plan, names: list[str]) -> dict[str, tuple[int, ...]]:
    try:
        with fake_tensors():
            modules = build_modules(plan, seed=0)
            program = Program(plan, modules, training=False)
            execution = program.execution(synthetic_batch(plan.fields, plan.value_range))
            with evaluating(modules):
                values = {name: program.value(name, execution) for name in names}
    except Exception:  # the recipe's trial reports errors, and some components fail on fake tensors
        return {}
    return {name: tuple(value.shape[1:]) for name, value in values.items() if isinstance(value, torch.Tensor)}
