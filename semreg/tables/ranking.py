"""The rows of a grid ranked by several figures at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from semreg.core import UserError, closest
from semreg.recipe.bounds import TomlTable
from semreg.report.evaluations import about
from semreg.tables.directions import directions, measured
from semreg.tables.grid import Grid, Ranked, Ranking, Row, Statistic, whole
from semreg.tables.plots import evaluation_of, of_no_evaluation, over_seeds


@dataclass(frozen=True)
class RankedRow:
    """A row, and for each figure of the ranking its value over seeds and its rank, None if the figure doesn't cover all
    of its ended runs.

    `mean` is the mean of all ranks, None if one is missing.
    """

    row: Row
    values: tuple[Statistic | None, ...]
    ranks: tuple[float | None, ...]
    mean: float | None


def ranked_rows(grid: Grid) -> list[RankedRow]:
    """Rank the rows by their mean rank, the best first, those that lack a figure last; none without a ranking."""
    if grid.ranking is None:
        return []
    columns = []
    for figure, higher_is_better in grid.ranking.figures:
        values = [over_seeds(row, figure) for row in grid.rows]
        means = [one.mean if one and whole(row, one) else None for row, one in zip(grid.rows, values, strict=True)]
        columns.append((values, ranks(means, higher_is_better=higher_is_better)))
    found = []
    for k, row in enumerate(grid.rows):
        own = tuple(column[k] for _, column in columns)
        known = [rank for rank in own if rank is not None]
        mean = sum(known) / len(known) if known and len(known) == len(own) else None
        found.append(RankedRow(row, tuple(values[k] for values, _ in columns), own, mean))
    return sorted(found, key=lambda one: math.inf if one.mean is None else one.mean)


def best_row(grid: Grid) -> Row | None:
    """Return the first row of a ranking; None if no row has all its figures, or nothing is ranked."""
    return next((one.row for one in ranked_rows(grid) if one.mean is not None), None)


def ranking_by(figures: Sequence[str], rows: Sequence[Row]) -> Ranking:
    """Return the ranking of rows by figures, `EVALUATION.FIGURE`; evaluations state whether higher or lower is better.

    Raises UserError for a figure of no evaluation, and if the evaluation doesn't state its direction.
    """
    told = directions(rows)
    known = {name for row in rows for name, _, _ in measured(row)}
    ranked = []
    for figure in dict.fromkeys(figures):
        evaluation = evaluation_of(figure, known)
        if evaluation is None:
            raise UserError("--rank", of_no_evaluation(figure, known))
        name = figure.removeprefix(f"{evaluation}.")
        better = told.of(evaluation, name).better
        if not better:
            globs = [glob for one in told.told.get(evaluation, ()) for glob in one.better]
            raise UserError(
                "--rank", f"{evaluation} doesn't state whether a high or a low {name!r} is better{closest(name, globs)}"
            )
        ranked.append(Ranked(figure, better == "higher"))
    return Ranking(tuple(ranked))


def direction_of(evaluation: TomlTable, figure: str, kind: str = "evaluation") -> bool | None:
    """Return whether a higher figure of a recipe's evaluation or comparison is better; None if that is unknown."""
    return {"higher": True, "lower": False}.get(about(evaluation, kind).way(figure))


def ranks(values: Sequence[float | None], *, higher_is_better: bool) -> list[float | None]:
    """Rank each value that isn't None from 1, the best; equal values share the mean of their ranks."""
    from scipy.stats import rankdata  # takes a second, and most tables rank nothing

    known = [-value if higher_is_better else value for value in values if value is not None]
    found = iter(rankdata(known).tolist() if known else ())
    return [None if value is None else next(found) for value in values]
