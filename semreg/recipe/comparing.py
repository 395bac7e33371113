"""Differences between tables, such as resolved recipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """A dotted key and both sides' values there; None for a missing value."""

    key: str
    one: Any
    other: Any


def differences(one: Any, other: Any) -> Iterator[Difference]:
    """Yield the keys at which two tables, or lists of the same length, differ."""
    for key, values in differing_values([one, other]):
        yield Difference(key, *values)


def differing_keys(one: Any, other: Any) -> list[str]:
    """Return the dotted keys at which two tables, or lists, differ."""
    return [difference.key for difference in differences(one, other)]


def differing_values(tables: Sequence[Any], where: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Yield the dotted keys at which these tables, or lists of one length, differ, with the value in each.

    A missing value is None; a table that some of them lack is one value.
    """
    if all(isinstance(table, Mapping) for table in tables):
        for key in dict.fromkeys(key for table in tables for key in table):
            yield from differing_values([table.get(key) for table in tables], f"{where}.{key}".lstrip("."))
    elif all(isinstance(table, list) for table in tables) and len({len(table) for table in tables}) == 1:
        for place, values in enumerate(zip(*tables, strict=True)):
            yield from differing_values(values, f"{where}.{place}".lstrip("."))
    elif any(table != tables[0] for table in tables):
        yield where, list(tables)
