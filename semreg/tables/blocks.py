"""The parts of a table that its Markdown, page, LaTeX and JSON share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from semreg.core import Picture
from semreg.tables.grid import Row

NOTHING = "–"
ON_TEST, LONGER = "on test images", "twice as long"
"""The purposes of the commands that continue from a sweep's best row."""
COMMANDS = ("command", ON_TEST, LONGER)
"""Notes for a shell."""
BEST, NEAR = "best", "near"
"""Marks of a figure in its column: the best, or so near to it that the seeds don't separate the two."""


class Text(str):
    """The text of a cell, with the number that a page sorts it by and its mark in the column, if any."""

    value: float | None
    mark: str

    def __new__(cls, text: str, value: float | None = None, mark: str = "") -> Self:
        made = super().__new__(cls, text)
        made.value, made.mark = value, mark
        return made


def mark_of(text: str) -> str:
    """Return the mark of a cell's text in its column."""
    return text.mark if isinstance(text, Text) else ""


@dataclass(frozen=True)
class Block:
    """A table: a row's first text is its title. `beside` are columns shown in grey, such as the paper's figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    captions: Sequence[str] = ()
    beside: frozenset[int] = frozenset()
    numeric: bool = True
    """Whether it holds figures: all columns except the first, and those of `words`, are aligned to the right."""
    of: Sequence[Row] = ()
    """The rows of the grid behind its rows, for links to their runs."""
    units: Mapping[int, str] = field(default_factory=dict)
    """Units of columns, as far as they are known."""
    words: frozenset[int] = frozenset()
    """Columns without figures in a table of figures."""

    def right(self, place: int) -> bool:
        """Return whether a column is aligned to the right."""
        return self.numeric and place > 0 and place not in self.words

    def headings(self) -> list[str]:
        """Return the columns with their units."""
        return [
            f"{column} ({self.units[place]})" if place in self.units else column
            for place, column in enumerate(self.columns)
        ]


@dataclass(frozen=True)
class View:
    """The content of a table, in this order."""

    title: str
    warnings: Sequence[str]
    blocks: Sequence[Block]
    pictures: Mapping[str, Picture]
    """Pictures by the names of their files."""
    failures: Sequence[str]
    notes: Sequence[tuple[str, str]]


def counted(count: int, what: str) -> str:
    """Return a count with its noun: `1 run`, `2 runs`."""
    return f"{count} {what}{'' if count == 1 else 's'}"
