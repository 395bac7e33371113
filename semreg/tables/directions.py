"""The better directions and the units of a grid's figures, as far as the evaluations of its rows state them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from semreg.report.evaluations import ARROWS, About, about
from semreg.tables.grid import Row


class Direction(NamedTuple):
    """A figure's better direction, `higher` or `lower`, and its unit; empty if unknown."""

    better: str = ""
    unit: str = ""

    @property
    def arrow(self) -> str:
        """↑, ↓ or nothing."""
        return ARROWS[self.better]


@dataclass(frozen=True)
class Directions:
    """The directions stated by the evaluations and comparisons of a grid's rows, by their names.

    Rows may use one name for different evaluations; those that are not installed here state nothing.
    """

    told: Mapping[str, tuple[About, ...]]

    def of(self, evaluation: str, figure: str) -> Direction:
        """Return the direction of a figure on which all evaluations that state one agree."""
        told = self.told.get(evaluation, ())
        return Direction(_agreed(one.way(figure) for one in told), _agreed(one.unit(figure) for one in told))


def directions(rows: Iterable[Row]) -> Directions:
    """Return the directions and units of the figures of these rows, by their recipes."""
    known: dict[str, About] = {}
    told: dict[str, list[About]] = {}
    for row in rows:
        for name, kind, table in measured(row):
            use = str(table.get("use"))
            if use not in known:
                known[use] = about(table, kind)
            found = known[use]
            if found != About() and found not in told.setdefault(name, []):
                told[name].append(found)
    return Directions({name: tuple(found) for name, found in told.items()})


def measured(row: Row) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield the names of the evaluations and comparisons of a row's recipe, each with its kind and its table."""
    for key, kind in (("evaluate", "evaluation"), ("compare", "comparison")):
        tables = row.recipe.get(key)
        for name, table in tables.items() if isinstance(tables, Mapping) else ():
            if isinstance(table, Mapping):
                yield name, kind, table


def _agreed(texts: Iterable[str]) -> str:
    said = set(texts)
    return said.pop() if len(said) == 1 else ""
