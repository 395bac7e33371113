"""The few evaluations that rank mixes, wired by the recipe's `[model]`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

from semreg.core import ClassField, ImageField, Reads, UserError
from semreg.core.registry import components
from semreg.recipe.bounds import TomlTable
from semreg.recipe.plan import Plan, Read, reads_in
from semreg.tables.grid import Ranked
from semreg.tables.mixing.carrier import ClassCarrier
from semreg.tables.ranking import direction_of

OTHERS = "other_codes_joined"
"""The concatenated codes whose leakage is measured, if there are several."""
ORDER = "semantic_order"
CLASSES = Reads("probability")
"""The tensor that it reads from a judge."""


@dataclass(frozen=True)
class Figures:
    """The evaluations of each mix and the tensors that they need besides the recipe's, as tables; the figures that rank
    mixes, important ones first; and a sentence for each figure that this recipe can't have."""

    evaluations: TomlTable
    tensors: TomlTable
    ranked: tuple[Ranked, ...]
    left_out: tuple[str, ...]


class _CannotBe(Exception):  # noqa: N818  a finding rather than a failure
    """The reason why a recipe can't have a figure."""


def figures_of(plan: Plan, carrier: ClassCarrier) -> Figures:
    """Return the figures of a recipe. Raises UserError if it can't have any."""
    evaluations: TomlTable = {}
    tensors: TomlTable = {}
    ranked: list[Ranked] = []
    left_out: dict[str, list[str]] = {}
    for name, figure, wired in KINDS:
        try:
            table, more = wired(plan, carrier)
            ranked.append(Ranked(f"{name}.{figure}", _direction(table, figure)))
        except _CannotBe as reason:
            left_out.setdefault(str(reason), []).append(name)
            continue
        evaluations[name] = table
        tensors |= more
    sentences = tuple(f"No {', '.join(names)}: {reason}." for reason, names in left_out.items())
    if not ranked:
        raise UserError(str(plan.recipe.path), f"there is nothing to rank mixes by. {' '.join(sentences)}")
    return Figures(evaluations, tensors, tuple(ranked), sentences)


def _direction(table: TomlTable, figure: str) -> bool:
    """Return whether a higher figure is better, by its evaluation."""
    higher = direction_of(table, figure)
    if higher is None:
        raise _CannotBe(f"{table['use'].partition('(')[0]} doesn't say whether a high or a low {figure} is good")
    return higher


# --- each evaluation: its table, and the tensors that it wants ---


def _probe(plan: Plan, carrier: ClassCarrier) -> tuple[TomlTable, TomlTable]:
    label, code = _class_and_code(carrier)
    _require_vectors([code], carrier)
    return {"use": f"linear_probe({code}, {label})"}, {}


def _leakage(plan: Plan, carrier: ClassCarrier) -> tuple[TomlTable, TomlTable]:
    label, _ = _class_and_code(carrier)
    others = carrier.roles.rest
    if not others:
        raise _CannotBe("the recipe has one code")
    if len(others) == 1:
        return {"use": f"leakage({others[0]}, {label})"}, {}
    _require_vectors(others, carrier)
    return {"use": f"leakage({OTHERS}, {label})"}, {OTHERS: f"concatenate({', '.join(others)})"}


def _order(plan: Plan, carrier: ClassCarrier) -> tuple[TomlTable, TomlTable]:
    label, code = _class_and_code(carrier)
    field = plan.fields[label]
    if isinstance(field, ClassField) and field.order == "none":
        raise _CannotBe(f"the classes of {label} have no order")
    if not any(component.name == ORDER for component in components("evaluation")):
        raise _CannotBe(f"no installed plugin brings {ORDER}; semreg-atnl does")
    asked = _judge(plan, label)
    output = _output(plan, carrier)
    codes = (code, *carrier.roles.rest)
    _require_vectors(codes, carrier)
    if plan.fields_of([Read(output)], frozenset(codes)):
        raise _CannotBe(f"{output} depends on more than the code, so a code can't be decoded by itself")
    inputs = (code, label, output, carrier.roles.input, *carrier.roles.rest)
    return {"use": f"{ORDER}({', '.join(inputs)})", **asked}, {}


def _judge(plan: Plan, label: str) -> TomlTable:
    """Return the keys that define the judge for the label's classes in one of the recipe's evaluations."""
    found: dict[str, TomlTable] = {}
    for one in plan.evaluations.values():
        if one.judge and label in reads_in(one.node) and CLASSES in get_args(one.node.loaded.signature.types["judge"]):
            table = plan.table["evaluate"][one.name]
            keys = {key: table[key] for key in ("judge", "judge_data") if key in table}
            found.setdefault(f"{one.judge} {one.judge_data}", keys)
    if not found:
        raise _CannotBe(f"no evaluation of the recipe asks a judge which {label} an image shows")
    if len(found) > 1:
        names = ", ".join(str(keys["judge"]) for keys in found.values())
        raise _CannotBe(f"the recipe's evaluations ask several judges which {label} an image shows, {names}")
    return next(iter(found.values()))


def _reconstruction(plan: Plan, carrier: ClassCarrier) -> tuple[TomlTable, TomlTable]:
    return {"use": f"reconstructions({carrier.roles.input}, {_output(plan, carrier)})"}, {}


def _class_and_code(carrier: ClassCarrier) -> tuple[str, str]:
    if carrier.label is None or carrier.code is None:
        raise _CannotBe(carrier.reason)
    return carrier.label, carrier.code


def _require_vectors(codes: Sequence[str], carrier: ClassCarrier) -> None:
    for code in codes:
        shape = carrier.shapes.get(code, (0,))
        if len(shape) != 1:
            raise _CannotBe(f"{code} is not a vector; its shape is {shape}")


def _output(plan: Plan, carrier: ClassCarrier) -> str:
    """Return the output, if it is an image like the input."""
    output, read = carrier.roles.output, carrier.roles.input
    if not (output and read):
        raise _CannotBe("the [model] of the recipe says no input or no output")
    field = plan.fields.get(read)
    shape = (field.channels, field.height, field.width) if isinstance(field, ImageField) else None
    if shape is None or carrier.shapes.get(output, shape) != shape:
        raise _CannotBe(f"the output, {output}, is not an image like {read}")
    return output


KINDS: tuple[tuple[str, str, Callable[[Plan, ClassCarrier], tuple[TomlTable, TomlTable]]], ...] = (
    ("probe", "accuracy", _probe),
    ("leakage", "mlp_means", _leakage),
    ("order", "linear_in_order", _order),
    ("reconstruction", "mean_squared_error", _reconstruction),
)
"""The figures that rank mixes: an evaluation, its figure, and its wiring."""
