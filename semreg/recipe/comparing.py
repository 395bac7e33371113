"""Where two tables, such as two resolved recipes, differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """A dotted key, and what each side has there; None where it has nothing."""

    key: str
    one: Any
    other: Any


def differences(one: Any, other: Any, where: str = "") -> Iterator[Difference]:
    """The keys at which two tables, or lists of one length, are not the same."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in [*one, *(key for key in other if key not in one)]:
            yield from differences(one.get(key), other.get(key), f"{where}.{key}".lstrip("."))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from differences(a, b, f"{where}.{place}".lstrip("."))
    elif one != other:
        yield Difference(where, one, other)


def differing_keys(one: Any, other: Any) -> list[str]:
    """The dotted keys at which two tables, or lists, are not the same."""
    return [difference.key for difference in differences(one, other)]
