"""The few evaluations that mixes are ranked by, of what the recipe's `[model]` says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from semreg.core import ClassField, ImageField, UserError
from semreg.core.registry import components
from semreg.recipe.bounds import TomlTable
from semreg.recipe.graph import method_signature
from semreg.recipe.plan import Node, Plan, Read
from semreg.tables.grid import Ranked
from semreg.tables.mixing.carrier import ClassCarrier

OTHERS, JOINED, DECODED = "other_codes_joined", "codes_joined", "codes_joined_decoded"
"""Tensors that evaluations of several codes want: codes side by side, and the decoder's image of them."""
ORDER = "semantic_order"


@dataclass(frozen=True)
class Figures:
    """The evaluations that are done for each mix and the tensors that these need beside the recipe's, as tables; the
    figures that mixes are ranked by, the important ones first; and a sentence for each that this recipe can't have."""

    evaluations: TomlTable
    tensors: TomlTable
    ranked: tuple[Ranked, ...]
    left_out: tuple[str, ...]


class _CannotBe(Exception):  # noqa: N818  a finding rather than a failure
    """Why a recipe can't have a figure."""


def figures_of(plan: Plan, carrier: ClassCarrier) -> Figures:
    """The figures of a recipe. Raises UserError if it can't have any."""
    evaluations: TomlTable = {}
    tensors: TomlTable = {}
    ranked: list[Ranked] = []
    left_out: dict[str, list[str]] = {}
    for name, figure, higher_is_better, wired in KINDS:
        try:
            evaluations[name], more = wired(plan, carrier)
        except _CannotBe as reason:
            left_out.setdefault(str(reason), []).append(name)
            continue
        tensors |= more
        ranked.append(Ranked(f"{name}.{figure}", higher_is_better))
    sentences = tuple(f"No {', '.join(names)}: {reason}." for reason, names in left_out.items())
    if not ranked:
        raise UserError(str(plan.recipe.path), f"there is nothing to rank mixes by. {' '.join(sentences)}")
    return Figures(evaluations, tensors, tuple(ranked), sentences)


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
    judged = next((one.name for one in plan.evaluations.values() if one.judge), None)
    if judged is None:
        raise _CannotBe("no evaluation of the recipe has a judge, who would say which class an image shows")
    asked = {key: value for key, value in plan.table["evaluate"][judged].items() if key in ("judge", "judge_data")}
    output = _output(plan, carrier)
    codes = (code, *carrier.roles.rest)
    _require_vectors(codes, carrier)
    if plan.fields_of([Read(output)], frozenset(codes)):
        raise _CannotBe(f"{output} depends on more than the code, so that none can be decoded alone")
    tensors = {}
    if len(codes) > 1:
        tensors = _joined(plan, codes, output)
        code, output = JOINED, DECODED
    return {"use": f"{ORDER}({code}, {label}, {output}, {carrier.roles.input})", **asked}, tensors


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
            raise _CannotBe(f"{code} is no vector, its shape is {shape}")


def _output(plan: Plan, carrier: ClassCarrier) -> str:
    """The output, where it is an image like the input."""
    output, read = carrier.roles.output, carrier.roles.input
    if not (output and read):
        raise _CannotBe("the [model] of the recipe says no input or no output")
    field = plan.fields.get(read)
    shape = (field.channels, field.height, field.width) if isinstance(field, ImageField) else None
    if shape is None or carrier.shapes.get(output, shape) != shape:
        raise _CannotBe(f"the output, {output}, is no image like {read}")
    return output


def _joined(plan: Plan, codes: Sequence[str], output: str) -> TomlTable:
    """All codes as one tensor, and its image, where the decoder takes any number of codes and joins them itself."""
    made = plan.tensors.get(output, Read(output))
    decoder = plan.modules.get(made.name) if isinstance(made, Node) else None
    inputs = [str(part) for part in made.inputs] if isinstance(made, Node) else []
    joins = (
        decoder is not None
        and method_signature(getattr(decoder.node.loaded.value, "forward", decoder.node.loaded.value)).spreads()
    )
    if decoder is None or not joins or sorted(inputs) != sorted(codes):
        raise _CannotBe(f"{output} is not what a decoder makes of {' and '.join(codes)} side by side")
    return {JOINED: f"concatenate({', '.join(inputs)})", DECODED: f"{decoder.name}({JOINED})"}


KINDS: tuple[tuple[str, str, bool, Callable[[Plan, ClassCarrier], tuple[TomlTable, TomlTable]]], ...] = (
    ("probe", "accuracy", True, _probe),
    ("leakage", "mlp_means", False, _leakage),
    ("order", "linear_in_order", True, _order),
    ("reconstruction", "mean_squared_error", False, _reconstruction),
)
"""What mixes are ranked by: an evaluation, its figure, whether higher is better, and how it is wired."""
