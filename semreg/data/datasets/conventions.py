"""Conventions that the data sets of users' own files share: sizes of images, names of splits, the order of classes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval

from semreg.core import SPLITS, TEST, TRAIN, VALIDATION, ClassField, Order, Problem, UserError, closest

Size = Annotated[int, Interval(ge=1, le=4096)]
"""The side of an image, in pixels."""

SPLIT_NAMES = {
    **SPLITS, "training": TRAIN, "valid": VALIDATION, "val": VALIDATION, "testing": TEST,
    "0": TRAIN, "1": VALIDATION, "2": TEST,
}  # fmt: skip
"""In lower case."""
SPLIT_WORDS = tuple(name for name in SPLIT_NAMES if name.isalpha())

Stated = Order | list[str] | dict[Order, list[str]]
"""The neighbours of classes: a "ring" or a "line" of numbers, a line in the order of a list, or `{ ring = [...] }`."""

MOST_NAMES = 12
"""The most classes that a suggested line lists."""
_NUMBER_AT_END = re.compile(r"(?:(?<=[_ =])-)?(?:(?<![0-9.])[0-9]+\.[0-9]+|[0-9]+)$")


def said(dataset: object, **usual: Any) -> dict[str, Any]:
    """Return a data set's options, by name, that differ from their usual values."""
    return {name: value for name, default in usual.items() if (value := getattr(dataset, name)) != default}


def split_named(value: str) -> int | None:
    """Return the split that a text names, in any case, with or without blanks around it; None if it names none."""
    word = value.strip().lower()
    return SPLIT_NAMES.get(word.removesuffix(".0") if word[:1].isdigit() else word)


def says_splits(values: Iterable[str]) -> bool:
    """Return whether all values name splits, and more than one split."""
    different = {value.strip().lower() for value in set(values)}
    return different <= set(SPLIT_WORDS) and len({SPLIT_NAMES[word] for word in different}) > 1


def sorted_classes(values: Iterable[str]) -> tuple[str, ...]:
    """Return the different values, sorted: as numbers if all are numbers (inf and nan count as text), else texts by the
    number at their end, so that `pose_2` comes before `pose_10`."""
    different = sorted(set(values))
    numbers = _numbers(different)
    if numbers is not None:
        return tuple(value for _, value in sorted(zip(numbers, different, strict=True), key=lambda pair: pair[0]))
    last: dict[str, float] = {}
    for text, number in map(_parts, different):
        if number < last.get(text, number):  # sorted as text, they would not be in the order of their numbers
            return tuple(sorted(different, key=_parts))
        last[text] = number
    return tuple(different)


def _numbers(values: Sequence[str]) -> list[float] | None:
    """Return the values as numbers if all are numbers."""
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _parts(value: str) -> tuple[str, float]:
    """Return a text and the number at its end; minus infinity if it has none or is itself a number."""
    found = _NUMBER_AT_END.search(value)
    text = value[: found.start()] if found else ""
    return (text, float(found[0])) if found and text.strip("+-. ") else (value, -np.inf)


def has_order(names: Sequence[str]) -> bool:
    """Return whether numbers order the classes: all are numbers, or end in numbers after the same text."""
    if len(names) <= 2 or _numbers(names) is not None:
        return True
    parts = [_parts(name) for name in names]
    return len({text for text, _ in parts}) == 1 and all(np.isfinite(number) for _, number in parts)


def class_field(name: str, values: Iterable[str], stated: Stated = "none", *, key: str = "data.orders") -> ClassField:
    """Return the field `name` of the different values, in the stated order, or else in their own.

    Raises UserError, at the recipe's `key`, for a ring or a line of texts without numbers, with the line that orders
    them, and for a stated order of other classes.
    """
    names = sorted_classes(values)
    where = f"{key}.{name}"
    if isinstance(stated, str):
        if stated != "none" and not has_order(names):
            said = f"{_quoted(names)} are text without numbers, which has no order of its own; write them in theirs"
            raise UserError("", [Problem(where, f"{said}: {line_of_order(name, stated, names)}")])
        return ClassField(names, stated)
    kinds: list[tuple[Order, list[str]]] = [("line", stated)] if isinstance(stated, list) else list(stated.items())
    if len(kinds) != 1:
        raise UserError("", [Problem(where, f"{stated} states no order; write {line_of_order(name, 'ring', names)}")])
    [(order, listed)] = kinds
    twice = sorted({value for value in listed if listed.count(value) > 1})
    problems = [Problem(where, f"names {value!r} twice") for value in twice]
    problems += [
        Problem(where, f"no image is of a class {value!r}{closest(value, names)}")
        for value in listed
        if value not in names
    ]
    left = [value for value in names if value not in listed]
    if left:
        problems.append(Problem(where, f"does not give the position of {_quoted(left)}"))
    if problems:
        raise UserError("", problems)
    return ClassField(tuple(listed), order)


def line_of_order(name: str, order: Order, names: Sequence[str]) -> str:
    """Return the line of a recipe that states an order."""
    shown = [json.dumps(value, ensure_ascii=False) for value in names[:MOST_NAMES]]
    listed = f"[{', '.join(shown)}{', …' if len(names) > MOST_NAMES else ''}]"
    return f"`orders = {{ {name} = {listed if order == 'line' else f'{{ {order} = {listed} }}'} }}`"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:MOST_NAMES])) + (", …" if len(names) > MOST_NAMES else "")


def field_name(label: str) -> str:
    """Return the name of the field of classes in a recipe. Raises UserError if a field can't have that name."""
    if label in ("image", "split") or not label.isidentifier():
        why = "the images have that name" if label == "image" else "no field can be called that"
        raise UserError("", f"label = {label!r}: {why}; choose another")
    return label
