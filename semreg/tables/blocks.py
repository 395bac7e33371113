"""What a table consists of, as its Markdown, its page, its LaTeX and its figures for machines have it in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from semreg.core import Picture
from semreg.tables.grid import Row

NOTHING = "–"
ON_TEST, LONGER = "on test images", "twice as long"
"""What the commands do that go on with a sweep's best row."""
COMMANDS = ("command", ON_TEST, LONGER)
"""Notes that are for a shell."""
BEST, NEAR = "best", "near"
"""How a figure stands among its column: the best, or so near to it that the seeds don't tell the two apart."""


class Text(str):
    """The text of a cell, with the number that a page sorts it by and how it stands among its column, if anyhow."""

    value: float | None
    mark: str

    def __new__(cls, text: str, value: float | None = None, mark: str = "") -> Self:
        made = super().__new__(cls, text)
        made.value, made.mark = value, mark
        return made


def mark_of(text: str) -> str:
    """How a cell's text stands among its column."""
    return text.mark if isinstance(text, Text) else ""


@dataclass(frozen=True)
class Block:
    """A table: a row's first text is its title. `beside` are the columns that stand back, as the paper's figures do."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    captions: Sequence[str] = ()
    beside: frozenset[int] = frozenset()
    numeric: bool = True
    """Whether it is of figures: all columns but the first, and those of `words`, are aligned to the right."""
    of: Sequence[Row] = ()
    """The rows of the grid that these are, for links to their runs."""
    units: Mapping[int, str] = field(default_factory=dict)
    """Of columns, as far as they are known."""
    words: frozenset[int] = frozenset()
    """Columns of figures' tables that hold none."""

    def right(self, place: int) -> bool:
        """Whether a column is aligned to the right."""
        return self.numeric and place > 0 and place not in self.words

    def headings(self) -> list[str]:
        """The columns with their units."""
        return [
            f"{column} ({self.units[place]})" if place in self.units else column
            for place, column in enumerate(self.columns)
        ]


@dataclass(frozen=True)
class View:
    """All that a table says, in this order."""

    title: str
    warnings: Sequence[str]
    blocks: Sequence[Block]
    pictures: Mapping[str, Picture]
    """By the names of their files."""
    failures: Sequence[str]
    notes: Sequence[tuple[str, str]]


def counted(count: int, what: str) -> str:
    """So many of them: `1 run`, `2 runs`."""
    return f"{count} {what}{'' if count == 1 else 's'}"
