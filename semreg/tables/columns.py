"""The columns of a grid's figures: values over seeds, the paper's values, the better direction, and the best rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from semreg.store.numbers import rounded
from semreg.tables.blocks import BEST, NEAR
from semreg.tables.directions import Direction, Directions, measured
from semreg.tables.grid import FigureTable, Grid, Row, Statistic, whole


@dataclass(frozen=True)
class FigureColumn:
    """A figure over the seeds of each row of the table, with each row's value in the paper and its mark (`marks`)."""

    figure: str
    direction: Direction
    ours: Sequence[Statistic | None]
    papers: Sequence[float | None]
    form: Form
    marks: Sequence[str]


def figure_columns(grid: Grid, table: FigureTable, told: Directions) -> list[FigureColumn]:
    """Return the figures that a table shows."""
    columns = []
    for figure in table.figures:
        direction = told.of(table.evaluation, figure)
        ours = [table.ours(row, figure) for row in table.rows]
        papers = [table.paper(row, figure) for row in table.rows]
        form = Form([*(one.mean for one in ours if one), *(value for value in papers if value is not None)])
        found = standing(grid, table.rows, ours, table.evaluation, direction.better, form)
        columns.append(FigureColumn(figure, direction, ours, papers, form, found))
    return columns


def on_the_same_data(grid: Grid) -> bool:
    """Return whether all finished runs use the same images, labels and split."""
    return len({cell.facts.fingerprint for _, cell in grid.cells if cell.finished}) < 2


def incomparable(grid: Grid, evaluation: str) -> str:
    """Return why no row of a grid can be the best by an evaluation; empty if one can."""
    if not on_the_same_data(grid):
        return "not all rows are on the same data"
    if _options_differ(grid.rows, evaluation):
        return f"{evaluation} is not the same evaluation, or has other options, in all rows"
    return ""


def _options_differ(rows: Sequence[Row], evaluation: str) -> bool:
    """Return whether recipes run different evaluations under one name; the names of inputs may differ."""
    found = set()
    for row in rows:
        for table in (table for name, _, table in measured(row) if name == evaluation):
            function = str(table.get("use", "")).partition("(")[0].strip()
            options = {key: value for key, value in table.items() if key not in ("use", "description", "paper")}
            found.add(json.dumps([function, options], sort_keys=True, default=str))
    return len(found) > 1


def standing(
    grid: Grid, rows: Sequence[Row], values: Sequence[Statistic | None], evaluation: str, better: str, form: Form
) -> list[str]:
    """Return the `marks` of a column of a grid, from a value for each of some rows; rows that are not `whole` have
    none.
    """
    if incomparable(grid, evaluation):
        return [""] * len(values)
    return marks([one if whole(row, one) else None for row, one in zip(rows, values, strict=True)], better, form)


def marks(values: Sequence[Statistic | None], better: str, form: Form) -> list[str]:
    """Mark each figure of a column: `best`, for all that read like the best one, `near` or nothing.

    A figure is near if its distance from the best is at most the larger of the two deviations. There are no marks
    without a known direction, or if no figure reads worse than the best.
    """
    known = [value for value in values if value is not None]
    if not (better and known):
        return [""] * len(values)
    best = (max if better == "higher" else min)(known, key=lambda value: value.mean)
    if all(form.text(value.mean) == form.text(best.mean) for value in known):
        return [""] * len(values)
    return ["" if value is None else _mark(value, best, form) for value in values]


def _mark(value: Statistic, best: Statistic, form: Form) -> str:
    if form.text(value.mean) == form.text(best.mean):
        return BEST
    spread = max(value.deviation or 0.0, best.deviation or 0.0)
    return NEAR if abs(value.mean - best.mean) <= spread else ""


MOST_APART = 100
"""A column's largest number decides the format of all, unless it exceeds the median by more than this factor."""


class Form:
    """The number format of a column: all have as many decimals as the largest needs or, if a few are far above the
    others, as in a search, three digits of the median."""

    def __init__(self, values: Iterable[float]) -> None:
        ordered = sorted(map(abs, values))
        largest, middle = (ordered[-1], ordered[len(ordered) // 2]) if ordered else (0.0, 0.0)
        self._exponent = largest != 0 and not 1e-4 <= largest < 1e6
        magnitude = math.floor(math.log10(largest)) if largest and not self._exponent else 0
        self._decimals = 0 if magnitude > 2 else 1 if magnitude > 0 else max(4, 2 - magnitude)
        if magnitude > 0 and MOST_APART * middle < largest and middle >= 1e-4:
            self._decimals = max(self._decimals, 2 - math.floor(math.log10(middle)))

    def text(self, value: float) -> str:
        """Format a number, with a true minus."""
        return f"{value:.2e}" if self._exponent else rounded(value, self._decimals).replace("-", "−")
