"""Checks of options against signatures: the keys of a recipe's table are exactly the component's parameters.

pydantic checks the values; it is imported with the first check.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from semreg.core.errors import Problem, closest
from semreg.core.roles import Role

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FILLED_BY_ENGINE = frozenset({"generator", "progress", "input_shapes", "root", "judge"})
NO_TEXT = "input should be a valid string, in quotes"
"""The message for a number, date or Boolean where a recipe needs a text."""
_PYDANTIC_TYPES = ("str", "ComponentTable", "constrained-int", "constrained-float", "[key]", "[number]", "[table]")
"""Parts that pydantic adds to the path of a value: members of a union, and a mark for a wrong key."""


@dataclass(frozen=True)
class Signature:
    """The parameters of a component: inputs, taken by position, and options, taken by keyword."""

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
    """Return the signature of a function, or of a class's constructor or method without `self`."""
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
    ignore: Collection[str] = FILLED_BY_ENGINE,
    unread: Collection[str] = (),
) -> list[Problem]:
    """Find unknown, missing and ill-typed options of a component called with `inputs` inputs, whose owner is `name`.

    Options must not name parameters in `ignore`. Options in `unread` are present, but their values are unknown.
    """
    taken = {parameter.name for parameter in signature.inputs()[:inputs]} | set(ignore)
    inside = f"{where}." if where else ""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    possible = {key: p for key, p in signature.parameters.items() if p.kind in named and key not in taken}
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
    problems = []
    for key, value in options.items():
        if key in possible:
            problems += [] if key in unread else _check_type(signature.types.get(key), value, inside + key)
        elif not anything:
            problems.append(Problem(inside + key, f"{name} has no option {key!r}{closest(key, possible)}"))
    required = [key for key, p in possible.items() if p.default is inspect.Parameter.empty and key not in options]
    if required:
        problems.append(
            Problem(where, f"{name} needs the option{'s'[: len(required) > 1]} {', '.join(map(repr, required))}")
        )
    return problems


def required_inputs(signature: Signature) -> list[str]:
    """Return the inputs that a call of the component needs."""
    return [p.name for p in signature.inputs() if p.default is inspect.Parameter.empty]


def check_inputs(signature: Signature, inputs: int, *, where: str, name: str) -> list[Problem]:
    """Find too few or too many inputs in a call."""
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
    from pydantic import ValidationError

    adapter = None if annotation is None else _adapter(annotation)
    if adapter is None:
        return []
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        if isinstance(value, list) and _fits_as_json(adapter, value):  # TOML has no tuples, and neither has JSON
            return []
        kinds = _kinds(annotation)
        if len(kinds) > 1:  # pydantic only rejects each member by itself
            return [Problem(where, f"{short(value)}: should be {', '.join(kinds[:-1])} or {kinds[-1]}")]
        # of a union's complaints one that says more than "no Tensor"; unions of any order share what validates them
        finding = min(error.errors(include_url=False), key=lambda finding: finding["type"] == "is_instance_of")
        keys = keys_of(finding)
        inside = f" (at {'.'.join(keys)})" if keys and isinstance(value, list | dict) else ""
        return [Problem(where, wording(finding) + inside)]
    return []


def keys_of(finding: Any) -> list[str]:
    """Return the path of keys to the value that pydantic rejects."""
    return [str(part) for part in finding["loc"] if part not in _PYDANTIC_TYPES]


def wording(finding: Any) -> str:
    """Return pydantic's finding in semreg's words: the value, and what would fit."""
    kind, found = finding["type"], finding.get("input")
    if kind in ("dict_type", "model_type"):
        said = "should be a table, such as { key = value }"
    elif kind == "string_type" and not isinstance(found, dict | list):
        said = NO_TEXT
    else:
        said = finding["msg"].removeprefix("Value error, ")
        said = said[0].lower() + said[1:]
    return f"{short(found)}: {said}"


def short(value: Any) -> str:
    """Format a value for a message."""
    text = str(value) if isinstance(value, date | time) else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _adapter(annotation: Any) -> TypeAdapter[Any] | None:
    """Return a validator for values of this type; None for a type that pydantic does not support."""
    try:
        return _kept_adapter(annotation)
    except TypeError:  # an annotation that cannot be hashed
        return _kept_adapter.__wrapped__(annotation)


@lru_cache(maxsize=1000)
def _kept_adapter(annotation: Any) -> TypeAdapter[Any] | None:
    from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter
    from pydantic_core import SchemaError

    config = ConfigDict(arbitrary_types_allowed=True, strict=True, allow_inf_nan=False)
    try:
        return TypeAdapter(annotation, config=config)
    except (PydanticSchemaGenerationError, SchemaError):  # the latter of a Protocol
        return None


def _kinds(annotation: Any) -> list[str]:
    """Return, as text, the members of a union that a recipe can hold; empty if the type is not a union."""
    if get_origin(annotation) not in (Union, UnionType):
        return []
    members = [member for member in get_args(annotation) if member is not NoneType]
    return [text for member in members if _is_for_recipes(member) for text in _written(member)]


def _is_for_recipes(kind: Any) -> bool:
    """Return whether a recipe can hold values of a type, unlike tensors and other objects unknown to pydantic."""
    adapter = _adapter(kind)
    return adapter is not None and adapter.core_schema["type"] != "is-instance"


def _written(kind: Any) -> list[str]:
    """Return a type as code has it, and a literal as its values."""
    if get_origin(kind) is Literal:
        return [repr(value) for value in get_args(kind)]
    if get_origin(kind) is Annotated:
        base, *more = get_args(kind)
        bounds = [repr(one) for one in more if not isinstance(one, Role)]
        return [f"{_written(base)[0]} ({', '.join(bounds)})"] if bounds else _written(base)
    return [kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")]


def _fits_as_json(adapter: TypeAdapter[Any], value: list[Any]) -> bool:
    from pydantic import ValidationError

    try:
        adapter.validate_json(json.dumps(value), strict=True)
    except (ValidationError, TypeError):
        return False
    return True
