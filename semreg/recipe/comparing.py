"""Where tables, such as resolved recipes, differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """A dotted key, and what each side has there; None where it has nothing."""

    key: str
    one: Any
    other: Any


def differences(one: Any, other: Any) -> Iterator[Difference]:
    """The keys at which two tables, or lists of one length, are not the same."""
    for key, values in differing_values([one, other]):
        yield Difference(key, *values)


def differing_keys(one: Any, other: Any) -> list[str]:
    """The dotted keys at which two tables, or lists, are not the same."""
    return [difference.key for difference in differences(one, other)]


def differing_values(tables: Sequence[Any], where: str = "") -> Iterator[tuple[str, list[Any]]]:
    """The dotted keys at which not all of these tables, or lists of one length, are the same, with what each has there.

    That is None where it has nothing; a table that some lack comes as a whole.
    """
    if all(isinstance(table, Mapping) for table in tables):
        for key in dict.fromkeys(key for table in tables for key in table):
            yield from differing_values([table.get(key) for table in tables], f"{where}.{key}".lstrip("."))
    elif all(isinstance(table, list) for table in tables) and len({len(table) for table in tables}) == 1:
        for place, values in enumerate(zip(*tables, strict=True)):
            yield from differing_values(values, f"{where}.{place}".lstrip("."))
    elif any(table != tables[0] for table in tables):
        yield where, list(tables)
