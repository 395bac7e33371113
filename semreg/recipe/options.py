"""Options against signatures: a recipe's keys are the parameters of the component, nothing else."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError

from semreg.core import Problem, Role, closest
from semreg.recipe.schema import problems_of, short

FILLED_BY_ENGINE = frozenset({"generator", "input_shapes", "root", "judge"})


@dataclass(frozen=True)
class Signature:
    """The parameters of a component: those that take inputs, by position, and those that are options, by keyword."""

    parameters: Mapping[str, inspect.Parameter]
    types: Mapping[str, Any]

    @property
    def filled(self) -> frozenset[str]:
        return FILLED_BY_ENGINE & self.parameters.keys()

    def inputs(self) -> list[inspect.Parameter]:
        by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return [p for p in self.parameters.values() if p.kind in by_position and p.name not in FILLED_BY_ENGINE]

    def spreads(self) -> bool:
        return any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in self.parameters.values())


def signature_of(function: Callable[..., Any]) -> Signature:
    """The signature of a function, or of a class's constructor or method, without `self`."""
    parameters = dict(inspect.signature(function).parameters)
    target = function.__init__ if inspect.isclass(function) else function
    try:
        types = get_type_hints(target, include_extras=True)
    except Exception:  # an annotation that cannot be resolved must not forbid using the component
        types = {}
    return Signature(parameters, types)


def check_options(
    signature: Signature,
    options: Mapping[str, Any],
    *,
    inputs: int,
    where: str,
    name: str,
    ignore: Collection[str] = (),
) -> list[Problem]:
    """Unknown, missing and ill-typed options of a component called with `inputs` inputs; `name` says whose they are.

    Parameters in `ignore` are neither needed nor possible.
    """
    taken = {parameter.name for parameter in signature.inputs()[:inputs]} | FILLED_BY_ENGINE | set(ignore)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    possible = {key: p for key, p in signature.parameters.items() if p.kind in named and key not in taken}
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
    problems = []
    for key, value in options.items():
        if key in possible:
            problems += _check_type(signature.types.get(key), value, f"{where}.{key}")
        elif not anything:
            problems.append(Problem(f"{where}.{key}", f"{name} has no option {key!r}{closest(key, possible)}"))
    required = [key for key, p in possible.items() if p.default is inspect.Parameter.empty and key not in options]
    if required:
        problems.append(
            Problem(where, f"{name} needs the option{'s'[: len(required) > 1]} {', '.join(map(repr, required))}")
        )
    return problems


def required_inputs(signature: Signature) -> list[str]:
    """The inputs without which a component cannot be called."""
    return [p.name for p in signature.inputs() if p.default is inspect.Parameter.empty]


def check_inputs(signature: Signature, inputs: int, *, where: str, name: str) -> list[Problem]:
    """Too few or too many inputs in a call."""
    accepted, required = signature.inputs(), required_inputs(signature)
    if inputs < len(required):
        missing = ", ".join(required[inputs:])
        return [Problem(where, f"{name} takes {_inputs_text(signature)}; {inputs} given, {missing} missing")]
    if inputs > len(accepted) and not signature.spreads():
        return [Problem(where, f"{name} takes {_inputs_text(signature)}; {inputs} given")]
    return []


def _inputs_text(signature: Signature) -> str:
    shown = [p.name for p in signature.inputs()] + (["…"] if signature.spreads() else [])
    return f"({', '.join(shown)})" if shown else "no inputs"


def _check_type(annotation: Any, value: Any, where: str) -> list[Problem]:
    if annotation is None or value is None:  # TOML has no null: None is an `@` reference that was told already
        return []
    adapter = _adapter(annotation)
    if adapter is None:
        return []
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        if isinstance(value, list) and _fits_as_json(adapter, value):  # TOML has no tuples, and neither has JSON
            return []
        kinds = _kinds(annotation)
        if len(kinds) > 1:  # of which pydantic's complaints tell no more than each its own
            return [Problem(where, f"{short(value)}: should be {', '.join(kinds[:-1])} or {kinds[-1]}")]
        problem = problems_of(error)[0]
        inside = f" (at {problem.where})" if problem.where and isinstance(value, list | dict) else ""
        return [Problem(where, problem.message + inside)]
    return []


def _adapter(annotation: Any) -> TypeAdapter[Any] | None:
    """What validates values of this type; None for a type that pydantic cannot tell."""
    try:
        return _kept_adapter(annotation)
    except TypeError:  # an annotation that cannot be hashed
        return _kept_adapter.__wrapped__(annotation)


@lru_cache(maxsize=1000)
def _kept_adapter(annotation: Any) -> TypeAdapter[Any] | None:
    try:
        return TypeAdapter(
            annotation, config=ConfigDict(arbitrary_types_allowed=True, strict=True, allow_inf_nan=False)
        )
    except PydanticSchemaGenerationError:
        return None


def _kinds(annotation: Any) -> list[str]:
    """What a union allows a recipe to hold, as text; empty for what is no union."""
    if get_origin(annotation) not in (Union, UnionType):
        return []
    members = [member for member in get_args(annotation) if member is not NoneType]
    return [text for member in members if _is_for_recipes(member) for text in _written(member)]


def _is_for_recipes(kind: Any) -> bool:
    """Whether a recipe can hold such values: it holds no tensors, nor other objects that pydantic knows nothing of."""
    adapter = _adapter(kind)
    return adapter is not None and adapter.core_schema["type"] != "is-instance"


def _written(kind: Any) -> list[str]:
    """A type as it stands in code, a literal as its values."""
    if get_origin(kind) is Literal:
        return [repr(value) for value in get_args(kind)]
    if get_origin(kind) is Annotated:
        base, *more = get_args(kind)
        bounds = [repr(one) for one in more if not isinstance(one, Role)]
        return [f"{_written(base)[0]} ({', '.join(bounds)})"] if bounds else _written(base)
    return [kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")]


def _fits_as_json(adapter: TypeAdapter[Any], value: list[Any]) -> bool:
    try:
        adapter.validate_json(json.dumps(value), strict=True)
    except (ValidationError, TypeError):
        return False
    return True
