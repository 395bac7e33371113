"""The few evaluations that mixes are ranked by: the recipe's own where it has them, else as its `[model]` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semreg.core import ClassField, ImageField, UserError
from semreg.core.registry import components
from semreg.recipe.bounds import TomlTable
from semreg.recipe.graph import method_signature
from semreg.recipe.plan import EvaluationPlan, Node, Plan, Read, reads_in
from semreg.tables.grid import Ranked
from semreg.tables.mixing.carrier import PROBE, ClassCarrier

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
    for kind, (use, figure, higher_is_better, wired) in KINDS.items():
        own = next((one for one in plan.evaluations.values() if _is_about(one, use, carrier)), None)
        try:
            name, table = (own.name, plan.table["evaluate"][own.name]) if own else (kind, {})
            if own is None:
                table, more = wired(plan, carrier)
                tensors |= more
        except _CannotBe as reason:
            left_out.setdefault(str(reason), []).append(kind)
            continue
        evaluations[name] = table
        ranked.append(Ranked(f"{name}.{_path(table) if use == ORDER else ''}{figure}", higher_is_better))
    sentences = tuple(f"No {', '.join(kinds)}: {reason}." for reason, kinds in left_out.items())
    if not ranked:
        raise UserError(str(plan.recipe.path), f"there is nothing to rank mixes by. {' '.join(sentences)}")
    return Figures(evaluations, tensors, tuple(ranked), sentences)


def _is_about(evaluation: EvaluationPlan, use: str, carrier: ClassCarrier) -> bool:
    """Whether a recipe's own evaluation is one of `use`, of the class, or of the output."""
    if evaluation.node.name != use:
        return False
    read = set(reads_in(evaluation.node))
    if use == "leakage" and carrier.code in read:  # there the class is meant to be
        return False
    wanted = {PROBE: {carrier.code, carrier.label}, "reconstructions": {carrier.output}}.get(use, {carrier.label})
    return wanted - {None} <= read


def _path(table: Mapping[str, Any]) -> str:
    """The interpolator that strips are ranked along: straight lines, or the first of those that the recipe has."""
    chosen = [one if isinstance(one, str) else one.get("use") for one in table.get("interpolators", ())]
    return f"{'linear' if 'linear' in chosen or not chosen else chosen[0]}_"


# --- evaluations that the recipe does not have: the table, and the tensors that it wants ---


def _probe(plan: Plan, carrier: ClassCarrier) -> tuple[TomlTable, TomlTable]:
    code, label = _class_code(carrier)
    _require_vectors([code], carrier)
    return {"use": f"{PROBE}({code}, {label})"}, {}


def _leakage(plan: Plan, carrier: ClassCarrier) -> tuple[TomlTable, TomlTable]:
    _, label = _class_code(carrier)
    if not carrier.others:
        raise _CannotBe("the recipe has one code")
    if len(carrier.others) == 1:
        return {"use": f"leakage({carrier.others[0]}, {label})"}, {}
    _require_vectors(carrier.others, carrier)
    return {"use": f"leakage({OTHERS}, {label})"}, {OTHERS: f"concatenate({', '.join(carrier.others)})"}


def _order(plan: Plan, carrier: ClassCarrier) -> tuple[TomlTable, TomlTable]:
    code, label = _class_code(carrier)
    field = plan.fields[label]
    if isinstance(field, ClassField) and field.order == "none":
        raise _CannotBe(f"the classes of {label} have no order")
    if not any(component.name == ORDER for component in components("evaluation")):
        raise _CannotBe(f"no installed plugin brings {ORDER}; semreg-atnl does")
    judge = next((one.name for one in plan.evaluations.values() if one.judge), None)
    if judge is None:
        raise _CannotBe("no evaluation of the recipe has a judge, who would say which class an image shows")
    asked = {key: value for key, value in plan.table["evaluate"][judge].items() if key in ("judge", "judge_data")}
    image, output = _image_and_output(plan, carrier)
    codes = (code, *carrier.others)
    _require_vectors(codes, carrier)
    if plan.fields_of([Read(output)], frozenset(codes)):
        raise _CannotBe(f"{output} depends on more than the code, so that none can be decoded alone")
    tensors = {}
    if carrier.others:
        tensors = _joined(plan, codes, output)
        code, output = JOINED, DECODED
    return {"use": f"{ORDER}({code}, {label}, {output}, {image})", **asked}, tensors


def _reconstruction(plan: Plan, carrier: ClassCarrier) -> tuple[TomlTable, TomlTable]:
    image, output = _image_and_output(plan, carrier)
    return {"use": f"reconstructions({image}, {output})"}, {}


def _class_code(carrier: ClassCarrier) -> tuple[str, str]:
    if carrier.label is None or carrier.code is None:
        raise _CannotBe(carrier.reasons["label"] if carrier.label is None else carrier.reasons["code"])
    return carrier.code, carrier.label


def _require_vectors(codes: Sequence[str], carrier: ClassCarrier) -> None:
    for code in codes:
        shape = carrier.shapes.get(code, (0,))
        if len(shape) != 1:
            raise _CannotBe(f"{code} is no vector, its shape is {shape}")


def _image_and_output(plan: Plan, carrier: ClassCarrier) -> tuple[str, str]:
    model = plan.tables.model
    if model is None:
        raise _CannotBe("the recipe has no [model] that names its output")
    field = plan.fields.get(model.input)
    shape = (field.channels, field.height, field.width) if isinstance(field, ImageField) else None
    if shape is None or carrier.shapes.get(model.output, shape) != shape:
        raise _CannotBe(f"the output, {model.output}, is no image like {model.input}")
    return model.input, model.output


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


KINDS: Mapping[str, tuple[str, str, bool, Callable[[Plan, ClassCarrier], tuple[TomlTable, TomlTable]]]] = {
    "probe": (PROBE, "accuracy", True, _probe),
    "leakage": ("leakage", "mlp_means", False, _leakage),
    "order": (ORDER, "in_order", True, _order),
    "reconstruction": ("reconstructions", "mean_squared_error", False, _reconstruction),
}
"""What mixes are ranked by: an evaluation, its figure, whether higher is better, and how it is wired."""
