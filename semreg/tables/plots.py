"""Figures of a grid plotted against each other, for `--plot`: a point for each recipe."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence

from semreg.core import Picture, UserError, closest
from semreg.pictures import point_plot
from semreg.tables.grid import Plot, Row, Statistic, over_runs, statistic

LONGEST_NAME = 100
"""Characters of a picture's file name before its hash."""
_LARGEST = 1e300  # beyond, the ends of an axis overflow


def plots_of(texts: Sequence[str]) -> tuple[Plot, ...]:
    """Return the plots that texts such as "probe.accuracy:knn.accuracy" mean, each once. Raises UserError."""
    plots = []
    for text in texts:
        x, colon, y = text.partition(":")
        if not colon or ":" in y:
            raise UserError("--plot", f"{text!r}: write X:Y, two figures as EVALUATION.FIGURE with one ':' between")
        plots.append(Plot(x, y))
    return tuple(dict.fromkeys(plots))


def require_plottable(plots: Sequence[Plot], recipes: Sequence[Collection[str]]) -> None:
    """Raise UserError for a plot without a point, whatever figures the `recipes`' evaluations will have."""
    known = {name for evaluations in recipes for name in evaluations}
    for plot in plots:
        for name in plot:
            if evaluation_of(name, known) is None:
                raise UserError("--plot", of_no_evaluation(name, known))
        if not any(evaluation_of(plot.x, names) and evaluation_of(plot.y, names) for names in recipes):
            raise UserError("--plot", f"no recipe has the evaluations of both {plot.x!r} and {plot.y!r}")


def of_no_evaluation(name: str, evaluations: Collection[str]) -> str:
    """Return what is wrong with a figure, as `EVALUATION.FIGURE`, of an evaluation that is not among these."""
    first, dot, _ = name.partition(".")
    if not dot and first in evaluations:
        return f"{name!r} is an evaluation; add one of its figures, as in {name}.FIGURE"
    return f"{name!r} is a figure of no evaluation{closest(first, evaluations) or '; the recipe has none'}"


def evaluation_of(name: str, evaluations: Collection[str]) -> str | None:
    """The evaluation of a figure, as `EVALUATION.FIGURE`; None if it is of none of these."""
    return max((one for one in evaluations if name.startswith(f"{one}.")), key=len, default=None)


def draw(plot: Plot, rows: Sequence[Row], titles: Mapping[str, str]) -> Picture | None:
    """Draw the rows that have both figures as points; the caption names the others. None if no row has both."""
    points, drawn, left_out = {}, [], []
    for row in rows:
        x, y = over_seeds(row, plot.x), over_seeds(row, plot.y)
        if x and y:
            points[titles[row.name]] = ((x.mean, x.deviation), (y.mean, y.deviation))
            drawn += [x, y]
        else:
            left_out.append(titles[row.name])
    if not points:
        return None
    caption = said_of_runs(drawn)
    if left_out:
        caption += f" Left out, without a value of both figures: {', '.join(left_out)}."
    return point_plot(f"{plot.y} against {plot.x}", points, x_label=plot.x, y_label=plot.y, caption=caption)


def said_of_runs(values: Sequence[Statistic]) -> str:
    """Return a sentence on how drawn figures combine several runs."""
    if any(one.deviation is not None for one in values):
        return "Mean over seeds, with bars of the sample standard deviation."
    return "One run each." if all(one.runs == 1 for one in values) else "Over all finished runs of a row."


def over_seeds(row: Row, name: str) -> Statistic | None:
    """Return a figure, as `EVALUATION.FIGURE`, over the finished runs of a row, or a comparison's figure of them
    together.
    """
    for comparison, compared in row.compared.items():
        figure = name.removeprefix(f"{comparison}.")
        if name == f"{comparison}.{figure}" and figure in compared.result.figures:
            found = over_runs(row, comparison, figure)
            return found if found and abs(found.mean) < _LARGEST else None
    return statistic(
        value
        for cell in row.cells
        for evaluation, result in cell.results.items()
        for figure, value in result.figures.items()
        if f"{evaluation}.{figure}" == name and abs(value) < _LARGEST
    )


def file_name(parts: Sequence[str], suffix: str = ".png") -> str:
    """Return the file of a picture, such as a plot's, in plain letters: unique, and the same in every table."""
    readable = re.sub(r"[^\w.-]+", "_", "-".join(parts), flags=re.ASCII)[:LONGEST_NAME]
    return f"{readable}-{hashlib.sha256(':'.join(parts).encode()).hexdigest()[:6]}{suffix}"
