"""What additions to a recipe, and the figures that rank them, are about: the class, its code, the other codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch

from semreg.core import ClassField, UserError, closest
from semreg.recipe.plan import Node, Plan, Read, Value
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.dry_run import fake_tensors
from semreg.training.program import Execution, Program, evaluating

PROBE = "linear_probe"
"""The evaluation that reads a code in which the class is meant to be."""


@dataclass(frozen=True)
class ClassCarrier:
    """Names in a recipe, each None where it can't be told; `reasons`, by "code" and "label", then says why.

    `shapes` are those of the codes and of the output for one image, as far as they can be known without data.
    """

    code: str | None
    label: str | None
    others: tuple[str, ...]
    output: str | None
    reasons: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]


def class_carrier(plan: Plan, code: str | None = None, label: str | None = None) -> ClassCarrier:
    """The class field that a recipe is about and the code that carries it, unless `code` and `label` say them.

    The label is the only field of classes that the recipe reads, or that the data have. The code is the only one of
    `[model]`, or the only one of several that a loss or a linear probe reads beside the label.

    Raises UserError for a code or a label that does not exist.
    """
    if code is not None and code not in plan.tensors:
        raise UserError("--code", f"the recipe has no tensor {code!r}{closest(code, plan.tensors)}")
    if label is not None and not isinstance(plan.fields.get(label), ClassField):
        raise UserError("--label", f"the data have no field of classes {label!r}{closest(label, _class_fields(plan))}")
    reasons = {}
    if label is None:
        label, reasons["label"] = _label(plan)
    codes = tuple(plan.tables.model.code) if plan.tables.model else ()
    if code is None:
        code, reasons["code"] = _code(plan, codes, label)
    others = tuple(name for name in codes if name != code) if code else ()
    output = plan.tables.model.output if plan.tables.model else None
    named = [name for name in (code, *others, output) if name in plan.tensors]
    return ClassCarrier(code, label, others, output, reasons, _shapes(plan, named))


def _class_fields(plan: Plan) -> list[str]:
    return [name for name, field in plan.fields.items() if isinstance(field, ClassField)]


def _label(plan: Plan) -> tuple[str | None, str]:
    known = _class_fields(plan)
    read = plan.fields_of(_values(plan))
    fields = [name for name in known if name in read] or known
    if len(fields) == 1:
        return fields[0], ""
    if not fields:
        return None, "the data have no field of classes"
    return None, f"there are several fields of classes, {', '.join(fields)}; say which by --label"


def _code(plan: Plan, codes: tuple[str, ...], label: str | None) -> tuple[str | None, str]:
    if len(codes) == 1:
        return codes[0], ""
    if not codes:
        return None, "the recipe has no [model] that names its code; say which tensor it is by --code"
    readers = [*plan.losses.values(), *(one.node for one in plan.evaluations.values() if one.node.name == PROBE)]
    read = [_inputs(node) for node in readers]
    beside = [code for code in codes if any({code, label} <= names for names in read)]
    if len(beside) == 1:
        return beside[0], ""
    return None, f"the recipe has several codes, {', '.join(codes)}; say which carries the class by --code"


def _values(plan: Plan) -> Iterable[Value]:
    yield from plan.tensors.values()
    yield from plan.losses.values()
    yield from (one.node for one in plan.evaluations.values())


def _inputs(node: Node) -> set[str]:
    """The names that the outermost call itself is given."""
    return {part.name for part in node.inputs if isinstance(part, Read)}


def _shapes(plan: Plan, names: list[str]) -> dict[str, tuple[int, ...]]:
    try:
        with fake_tensors():
            modules = build_modules(plan, seed=0)
            program = Program(plan, modules, training=False)
            execution = Execution(synthetic_batch(plan.fields, plan.value_range))
            with evaluating(modules):
                values = {name: program.value(name, execution) for name in names}
    except Exception:  # a mistake is told when the recipe is tried, and some components can't be fake_tensors
        return {}
    return {name: tuple(value.shape[1:]) for name, value in values.items() if isinstance(value, torch.Tensor)}
