"""The pictures of a grid's rows, with their lines of images in groups: comparable lines are close together."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from semreg.core import Picture
from semreg.store.results import read_picture
from semreg.tables.grid import Cell, Row
from semreg.tables.pictures.chosen import one_run_each

FEW_LINES = 6
"""Rows with at most this many lines of the same names are compared line by line, others row by row."""
NARROW = 12
"""The most columns of two groups that have room side by side."""


@dataclass(frozen=True)
class Figure:
    """The pictures of one title of an evaluation: for each row that has it, by the row's name, a run."""

    evaluation: str
    title: str
    cells: Mapping[str, Cell]

    def read(self, row: str) -> Picture:
        """Read the picture of a row. Raises UserError if it can't be read."""
        return read_picture(self.cells[row].places[self.evaluation], self.title)


def figures(rows: Sequence[Row], evaluations: Sequence[str] | None = None, *, least: int = 1) -> list[Figure]:
    """Return the pictures of evaluations, of all by default, that at least `least` rows have, in the order of the
    results.
    """
    keys = dict.fromkeys(
        (evaluation, picture.title)
        for row in rows
        for cell in row.cells
        for evaluation, result in cell.results.items()
        if evaluation in cell.places and (evaluations is None or evaluation in evaluations)
        for picture in result.pictures
    )
    found = [Figure(*key, one_run_each(rows, functools.partial(_has, *key))) for key in keys]
    return [figure for figure in found if len(figure.cells) >= least]


def _has(evaluation: str, title: str, cell: Cell) -> bool:
    result = cell.results.get(evaluation)
    return result is not None and any(picture.title == title for picture in result.pictures)


class Comparable(Protocol):
    """A line of images with a name; lines of the same images and labels have the same digest."""

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...


AnyLine = TypeVar("AnyLine", bound=Comparable)


@dataclass(frozen=True)
class Group(Generic[AnyLine]):
    """Lines under each other, each after its label, under a title that may be empty."""

    title: str
    lines: Sequence[tuple[str, AnyLine]]


def grouped(lines: Mapping[str, Sequence[AnyLine]]) -> list[Group[AnyLine]]:
    """Group the lines of rows, by the rows' titles, so that comparable lines are close together.

    Lines that all rows share, such as the originals, appear once. Rows with one further line each, or few of the same
    names, are compared line by line; other rows follow each other. A single row stays as it is.
    """
    first = next(iter(lines.values()), ())
    if len(lines) == 1:
        return [Group("", [(line.name, line) for line in first])]
    shared = {line.digest for line in first}
    for row in lines.values():
        shared &= {line.digest for line in row}
    own = {title: [line for line in row if line.digest not in shared] for title, row in lines.items()}
    names = [[line.name for line in row] for row in own.values()]
    alike = all(row == names[0] for row in names)
    if all(len(row) == 1 for row in names) or (alike and len(names[0]) <= FEW_LINES and all(names[0])):
        return _line_by_line(first, shared, own, alike=alike)
    common = [(line.name, line) for line in first if line.digest in shared]
    by_row = [Group(title, [(line.name, line) for line in row]) for title, row in own.items() if row]
    return [*([Group("", common)] if common else []), *by_row]


def _line_by_line(
    first: Sequence[AnyLine], shared: set[str], own: Mapping[str, Sequence[AnyLine]], *, alike: bool
) -> list[Group[AnyLine]]:
    """Return a group for each line that rows don't share, in the order of the first row, below the shared lines."""
    groups, above = [], []
    columns = zip(*own.values(), strict=True)
    for line in first:
        if line.digest in shared:
            above.append((line.name, line))
        else:
            of_rows = [
                (title if alike or not one.name else f"{title}, {one.name}", one)
                for title, one in zip(own, next(columns), strict=True)
            ]
            groups.append(Group(line.name, [*above, *of_rows]))
            above = []
    if len(groups) == 1 or above:
        *groups, last = groups or [Group("", [])]
        groups.append(Group(last.title if groups else "", [*last.lines, *above]))
    return groups


def stand_beside(groups: Sequence[Group[Any]], columns: int) -> bool:
    """Return whether to place groups side by side: few columns, no shared lines above, many or unnamed lines."""
    titled = len(groups) > 1 and all(group.title for group in groups)
    unnamed = not any(name for group in groups for name, _ in group.lines)
    return titled and columns <= NARROW and (unnamed or max(len(group.lines) for group in groups) > FEW_LINES)
