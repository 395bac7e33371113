"""A grid of runs, recipes by seeds, as figures over seeds: pure functions of the folders' contents."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from semreg.core import Result, UserError, closest
from semreg.tables.paired import PairedTest, paired_test

MOST_FIGURES = 8
"""An evaluation with more figures, and none of the paper's, is shown without those of single distances (`…_3`)."""
FEWEST_COMPARED = 2
TOGETHER = "all rows"
"""The name for the runs of all rows together."""
_AT_A_NUMBER = re.compile(r"_\d+$")


@dataclass(frozen=True)
class Facts:
    """Facts from a run's record on how its figures were obtained; empty if the record lacks them."""

    data: str = ""
    images: str = ""
    fingerprint: str = ""
    fallback: str = ""
    """The missing data, and their substitute."""
    epochs: str = ""
    seconds: float = 0.0
    """Seconds of training."""
    device: str = ""
    precision: str = ""
    version: str = ""


@dataclass(frozen=True)
class Cell:
    """One run of the grid; `reason` states why it is not finished.

    `results` are empty unless it is `finished`, and `seed` is None if a record lacks it.
    """

    seed: int | None
    folder: Path
    state: str
    """That of the run, `damaged`, `not begun`, or `pruned` if a search gave it up."""
    reason: str = ""
    results: Mapping[str, Result] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    """Why evaluations of a finished run failed, by their names."""
    facts: Facts = Facts()
    judges: Mapping[str, str] = field(default_factory=dict)
    """A sentence on the accuracy of each evaluation's judge, by the evaluation's name, as far as it is known."""
    places: Mapping[str, Path] = field(default_factory=dict)
    """The folders of the results, for reading pictures when they are drawn."""

    @property
    def finished(self) -> bool:
        """Whether it counts."""
        return self.state == "finished"

    @property
    def pruned(self) -> bool:
        """Whether a search gave it up for good."""
        return self.state == "pruned"

    @property
    def failed(self) -> bool:
        """Whether a user must fix something before it counts, wholly or in part."""
        return self.state in ("failed", "damaged") or bool(self.failures)


@dataclass(frozen=True)
class Compared:
    """The outcome of a comparison of several runs: its result, or why it failed; nothing if there are too few runs."""

    runs: int
    """The number of its runs."""
    result: Result = field(default_factory=Result)
    failure: str = ""

    @property
    def too_few(self) -> bool:
        """Whether there are too few runs to compare."""
        return self.runs < FEWEST_COMPARED


@dataclass(frozen=True)
class Row:
    """A recipe and its runs."""

    name: str
    description: str
    cells: tuple[Cell, ...]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """The recipe as it runs, with everything it extends; empty if unknown."""
    varied: Mapping[str, Any] = field(default_factory=dict)
    """In a sweep, the value of each varied key, by dotted keys; empty for rows of other grids."""
    recipe_name: str = ""
    """The recipe's name in the runs' folders, if it isn't the row's name."""
    compared: Mapping[str, Compared] = field(default_factory=dict)
    """The outcomes of comparisons of its runs, by their names."""

    def finished(self) -> list[Cell]:
        """Return the runs that count."""
        return [cell for cell in self.cells if cell.finished]


class Plot(NamedTuple):
    """Two figures, each as `EVALUATION.FIGURE`, to plot against each other."""

    x: str
    y: str


class Ranked(NamedTuple):
    """A figure, as `EVALUATION.FIGURE`, for the ranking of rows."""

    figure: str
    higher_is_better: bool


@dataclass(frozen=True)
class Ranking:
    """The figures that rank the rows of a grid, with notes for the reader."""

    figures: tuple[Ranked, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grid:
    """Recipes by seeds, the content of a table. `globs` select figures by `EVALUATION.FIGURE`, `against` names a row.

    `judged_on` states whether the figures are of the "test" or the "validation" images.
    """

    name: str
    rows: tuple[Row, ...]
    globs: tuple[str, ...] = ()
    against: str | None = None
    command: str = ""
    plots: tuple[Plot, ...] = ()
    ranking: Ranking | None = None
    metric: str | None = None
    """The figure that ranks a sweep, as `EVALUATION.FIGURE`."""
    judged_on: str = "test"
    going_on: tuple[tuple[str, str], ...] = ()
    """For a sweep, its best row and then the commands that continue from it, each after its purpose."""
    across: Mapping[str, Compared] = field(default_factory=dict)
    """The outcomes of comparisons of the runs of all rows together, by their names."""

    @property
    def cells(self) -> list[tuple[Row, Cell]]:
        """All runs, row by row."""
        return [(row, cell) for row in self.rows for cell in row.cells]

    @cached_property
    def together(self) -> Row:
        """All runs as one row, for comparisons across the rows."""
        return Row(TOGETHER, "", tuple(cell for _, cell in self.cells), compared=self.across)

    @property
    def compared(self) -> list[tuple[Row, str, Compared]]:
        """The outcomes of all comparisons, each with its row and its name."""
        return [(row, *one) for row in (*self.rows, self.together) for one in row.compared.items()]

    @property
    def failed(self) -> bool:
        """Whether a user must fix something in it."""
        return any(cell.failed for _, cell in self.cells) or any(one.failure for _, _, one in self.compared)

    @cached_property
    def tests(self) -> dict[str, list[PairedTests]]:
        """The paired tests of the evaluations shown, by their names."""
        return {table.evaluation: paired_tests(self, table) for table in figure_tables(self)}


class Statistic(NamedTuple):
    """A figure over seeds; the sample standard deviation is None for one seed."""

    mean: float
    deviation: float | None
    runs: int


def statistic(values: Iterable[float]) -> Statistic | None:
    """Return mean and sample standard deviation of the finite values, in any order; None if none is finite."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    try:
        return Statistic(statistics.fmean(finite), statistics.stdev(finite) if len(finite) > 1 else None, len(finite))
    except OverflowError:
        return None


@dataclass(frozen=True)
class FigureTable:
    """The shown figures of one evaluation or comparison, those that the paper has, and those left out; `rows` are the
    rows that can have them.
    """

    evaluation: str
    figures: tuple[str, ...]
    papers: frozenset[str]
    left_out: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def compares(self) -> bool:
        """Whether its figures are of several runs together."""
        return any(self.evaluation in row.compared for row in self.rows)

    def ours(self, row: Row, figure: str) -> Statistic | None:
        """Return a figure over the finished runs of a row, or of them together."""
        return over_runs(row, self.evaluation, figure)

    def paper(self, row: Row, figure: str) -> float | None:
        """Return the paper's figure for a row."""
        found = (r.paper[figure] for r in _results(row, self.evaluation) if figure in r.paper)
        return next((value for value in found if math.isfinite(value)), None)


def over_runs(row: Row, evaluation: str, figure: str) -> Statistic | None:
    """Return a figure over the finished runs of a row, or a comparison's figure of them together."""
    found = statistic(r.figures[figure] for r in _results(row, evaluation) if figure in r.figures)
    compared = row.compared.get(evaluation)
    return found if compared is None or found is None else found._replace(runs=compared.runs)


def whole(row: Row, value: Statistic | None) -> bool:
    """Return whether a figure covers all ended runs of a row, also failed ones and those without a finite figure."""
    ended = sum(cell.finished or cell.failed for cell in row.cells)
    return value is not None and value.runs >= ended


def figure_tables(grid: Grid) -> list[FigureTable]:
    """Return a table for each evaluation that any finished run has, in the recipes' order, and then for each
    comparison; none for one without figures."""
    tables = []
    for evaluation, rows in _with_figures(grid):
        results = [result for row in rows for result in _results(row, evaluation)]
        known = list(dict.fromkeys(figure for result in results for figure in result.figures))
        papers = {figure for result in results for figure in result.paper} & set(known)
        shown = _shown(evaluation, known, papers, grid.globs)
        if shown:
            left_out = tuple(figure for figure in known if figure not in shown)
            tables.append(FigureTable(evaluation, tuple(shown), frozenset(papers & set(shown)), left_out, rows))
    return tables


def _with_figures(grid: Grid) -> list[tuple[str, tuple[Row, ...]]]:
    """Return the names of evaluations and comparisons, each with the rows that can have its figures."""
    done = dict.fromkeys(name for _, cell in grid.cells for name in cell.results)
    by_row = dict.fromkeys(name for row in grid.rows for name in row.compared)
    return [*((name, grid.rows) for name in done | by_row), *((name, (grid.together,)) for name in grid.across)]


def _shown(evaluation: str, known: Sequence[str], papers: set[str], globs: Sequence[str]) -> list[str]:
    if globs:
        return [name for name in known if any(fnmatchcase(f"{evaluation}.{name}", glob) for glob in globs)]
    if papers:
        return [name for name in known if name in papers]
    if len(known) <= MOST_FIGURES:
        return list(known)
    return [name for name in known if not _AT_A_NUMBER.search(name)] or list(known)


def require_matches(grid: Grid, ranked: Sequence[str] = ()) -> None:
    """Raise UserError for a glob, or a figure of a plot or of `ranked`, that no finished run has, unless no run is
    finished.
    """
    known = _known_figures(grid)
    for glob in grid.globs if known else ():
        if not any(fnmatchcase(name, glob) for name in known):
            raise UserError("--figures", f"{glob!r} matches no figure; expected one of: {', '.join(known)}")
    wanted = [*(("--plot", name) for plot in grid.plots for name in plot), *(("--rank", name) for name in ranked)]
    for option, name in wanted if known else ():
        if name not in known:
            raise UserError(option, f"no recipe has the figure {name!r}{closest(name, known)}")
    require_metric(grid)


def require_metric(grid: Grid) -> None:
    """Raise UserError if some run has the metric's evaluation, and the evaluation lacks the figure."""
    if grid.metric is None:
        return
    metric, known = grid.metric, _known_figures(grid)
    if metric not in known and any(metric.startswith(f"{name}.") for _, cell in grid.cells for name in cell.results):
        raise UserError("--metric", f"no run has the figure {metric!r}{closest(metric, known)}")


def _known_figures(grid: Grid) -> list[str]:
    return [
        f"{evaluation}.{figure}"
        for evaluation, rows in _with_figures(grid)
        for figure in dict.fromkeys(f for row in rows for r in _results(row, evaluation) for f in r.figures)
    ]


def require_evaluations(globs: Sequence[str], evaluations: Iterable[str]) -> None:
    """Raise UserError for a glob that can't match any figure of these evaluations, whatever figures they will have."""
    known = set(evaluations)
    for glob in globs:
        literal = re.split(r"[*?\[]", glob)[0]
        if not any(f"{name}.".startswith(literal) or literal.startswith(f"{name}.") for name in known):
            raise UserError("--figures", f"{glob!r} begins with no evaluation{closest(literal.split('.')[0], known)}")


# --- paired tests ---


@dataclass(frozen=True)
class PairedTests:
    """A row's verdicts on the test images against another row's: a test for each seed that both have, on equal data."""

    outcome: str
    row: Row
    against: Row
    tests: Mapping[int, PairedTest]


def paired_tests(grid: Grid, table: FigureTable) -> list[PairedTests]:
    """Test each row against the one that is right most often on average, or `grid.against`, by outcome.

    It compares an outcome if its figure is shown, or if it is not a figure.
    """
    found = []
    results = [] if table.compares else [result for row in grid.rows for result in _results(row, table.evaluation)]
    for outcome in dict.fromkeys(name for result in results for name in result.outcomes):
        if outcome in table.left_out:
            continue
        right = {row.name: share for row in grid.rows if (share := _right(row, table.evaluation, outcome)) is not None}
        best = grid.against or max(right, key=lambda name: right[name], default=None)
        against = next((row for row in grid.rows if row.name == best and row.name in right), None)
        if against is not None:
            found += [
                PairedTests(outcome, row, against, _tests(row, against, table.evaluation, outcome))
                for row in grid.rows
                if row.name in right and row is not against
            ]
    return found


def _right(row: Row, evaluation: str, outcome: str) -> float | None:
    shares = (r.outcomes.get(outcome) for r in _results(row, evaluation))
    found = statistic(statistics.fmean(right) for right in shares if right)
    return found.mean if found else None


def _tests(row: Row, against: Row, evaluation: str, outcome: str) -> dict[int, PairedTest]:
    others = {cell.seed: cell for cell in against.finished()}
    tests = {}
    for cell in row.finished():
        other = others.get(cell.seed)
        if other is None or cell.seed is None:
            continue
        if not cell.facts.fingerprint or cell.facts.fingerprint != other.facts.fingerprint:
            continue
        ours, theirs = (
            c.results[evaluation].outcomes.get(outcome) if evaluation in c.results else None for c in (cell, other)
        )
        if ours and theirs and len(ours) == len(theirs):
            tests[cell.seed] = paired_test(ours, theirs)
    return tests


def _results(row: Row, evaluation: str) -> list[Result]:
    """Return the results of an evaluation of its runs, or the one of a comparison."""
    if evaluation in row.compared:
        return [row.compared[evaluation].result]
    return [cell.results[evaluation] for cell in row.cells if evaluation in cell.results]
