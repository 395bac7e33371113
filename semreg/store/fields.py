"""The data's fields in a run's record, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, get_args

from pydantic import TypeAdapter

from semreg.core import AttributesField, ClassField, Field, ImageField, Order, Specification, VectorField

_MOST = {"channels": 8192, "height": 8192, "width": 8192, "size": 2**24}
"""The largest field read from a file, which may be untrusted."""
_KINDS: dict[type[Field], str] = {
    ImageField: "image",
    ClassField: "class",
    AttributesField: "attributes",
    VectorField: "vector",
}


def described(field: Field) -> dict[str, Any]:
    """Return a field for JSON: its kind ("image", "class", "attributes" or "vector") and its properties."""
    return {"kind": _KINDS[type(field)], **asdict(field)}


def checked(specification: Specification) -> Specification:
    """Return a specification if its fields are valid. Raises TypeError or ValueError for invalid ones."""
    if not isinstance(specification, dict):
        raise TypeError(f"its specification is a {type(specification).__name__}, not a dict of fields")
    if not specification:
        raise ValueError("there are no fields")
    for name, field in specification.items():
        if not isinstance(name, str) or type(field) not in _KINDS:
            raise TypeError(f"its specification holds {name!r}: {field!r:.60}, which is not the name of a field")
        _require_sound(name, field)
    return specification


def _require_sound(name: str, field: Field) -> None:
    for key, value in vars(field).items():
        if key in _MOST and not (type(value) is int and 1 <= value <= _MOST[key]):
            raise ValueError(f"{name}: {key} is {value!r:.60}; expected 1 to {_MOST[key]}")
        if key == "names" and not (isinstance(value, (tuple, list)) and all(isinstance(one, str) for one in value)):
            raise TypeError(f"{name}: names are a tuple of texts, not {value!r:.60}")
        if key == "order" and value not in get_args(Order):
            raise ValueError(f"{name}: the order is one of {', '.join(get_args(Order))}, not {value!r:.60}")
    if isinstance(field, ClassField) and not field.names:
        raise ValueError(f"{name}: there are no classes")


def restored(described: Mapping[str, Mapping[str, Any]]) -> Specification:
    """Return the fields that `described` stored. Raises ValueError, KeyError or TypeError for anything else."""
    kinds = {word: kind for kind, word in _KINDS.items()}
    fields: Specification = {}
    for name, values in described.items():
        field = TypeAdapter(kinds[values["kind"]]).validate_json(json.dumps(dict(values)), strict=True)
        _require_sound(name, field)
        fields[name] = field
    if not fields:
        raise ValueError("there are no fields")
    return fields
