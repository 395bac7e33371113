"""A grid as blocks of text: what its Markdown, its page and its JSON have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from semreg.core import Picture
from semreg.report.formatting import duration
from semreg.store.numbers import rounded
from semreg.tables.grid import (
    Cell,
    Comparison,
    FigureTable,
    Grid,
    Ranking,
    Row,
    Statistic,
    comparisons,
    figure_tables,
)
from semreg.tables.plots import draw, file_name
from semreg.tables.ranking import ranked_rows

LONGEST_TITLE = 60
"""A description beyond this is a text rather than a row's title."""
NOTHING = "–"


@dataclass(frozen=True)
class Block:
    """A table: a row's first text is its title. `beside` are the columns that stand back, as the paper's figures do."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    captions: Sequence[str] = ()
    beside: frozenset[int] = frozenset()
    numeric: bool = True
    """Whether all columns but the first are aligned to the right."""
    of: Sequence[Row] = ()
    """The rows of the grid that these are, for links to their runs."""


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


def view(grid: Grid, written: str) -> View:
    """What the table of a grid says; `written` is when."""
    titles = row_titles(grid.rows)
    blocks = [_ranking(grid, grid.ranking, titles)] if grid.ranking else []
    for table in figure_tables(grid):
        blocks.append(_figures(grid, table, titles))
        tests = comparisons(grid, table)
        if tests:
            blocks.append(_tests(table, tests, titles))
    blocks.append(_runs(grid, titles))
    drawn = {plot: draw(plot, grid.rows, titles) for plot in grid.plots}
    warnings = _warnings(grid, titles)
    for plot, picture in drawn.items():
        if picture is None:
            warnings.append(f"No recipe has a value of both figures of the plot {plot.x}:{plot.y}.")
    pictures = {file_name(plot): picture for plot, picture in drawn.items() if picture}
    return View(_title(grid), warnings, blocks, pictures, _failures(grid, titles), _notes(grid, written))


def row_titles(rows: Sequence[Row]) -> dict[str, str]:
    """For each row, by its name, its description, if that is short and no other row has it; else its name."""
    given = [row.description for row in rows]
    names = {row.name for row in rows}
    return {
        row.name: row.description
        if 0 < len(row.description) <= LONGEST_TITLE
        and given.count(row.description) == 1
        and row.description not in names
        else row.name
        for row in rows
    }


def _title(grid: Grid) -> str:
    seeds = max(len(row.cells) for row in grid.rows)
    return f"{grid.name}: {_counted(len(grid.rows), 'recipe')} × {_counted(seeds, 'seed')}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _ranking(grid: Grid, ranking: Ranking, titles: Mapping[str, str]) -> Block:
    found = ranked_rows(grid)
    columns, lines = ["", "mean rank"], [[titles[one.row.name], _rank(one.mean)] for one in found]
    by = [f"{figure} {'↑' if higher_is_better else '↓'}" for figure, higher_is_better in ranking.figures]
    for k, (figure, _) in enumerate(ranking.figures):
        columns += [f"{figure.partition('.')[0]} {by[k][-1]}", "rank"]
        form = Form(value.mean for one in found if (value := one.values[k]))
        for one, line in zip(found, lines, strict=True):
            line += [_ours(one.row, one.values[k], form, figure.partition(".")[0]), _rank(one.ranks[k])]
    captions = [
        f"By {', '.join(by)}: the best, which is the highest (↑) or the lowest (↓), has rank 1, equal ones share the "
        "mean of their ranks, and all figures count alike.",
        *ranking.remarks,
    ]
    ranks = frozenset(range(3, len(columns), 2))
    return Block("Ranking", columns, lines, captions, ranks, of=[one.row for one in found])


def _rank(rank: float | None) -> str:
    return NOTHING if rank is None else f"{rank:.2f}".rstrip("0").rstrip(".")


def _figures(grid: Grid, table: FigureTable, titles: Mapping[str, str]) -> Block:
    columns, texts, papers = [""], [[titles[row.name]] for row in grid.rows], set()
    for figure in table.figures:
        ours = [table.ours(row, figure) for row in grid.rows]
        theirs = [table.paper(row, figure) for row in grid.rows] if figure in table.papers else []
        form = Form([*(one.mean for one in ours if one), *(value for value in theirs if value is not None)])
        columns.append(figure)
        for row, one, line in zip(grid.rows, ours, texts, strict=True):
            line.append(_ours(row, one, form, table.evaluation))
        if theirs:
            papers.add(len(columns))
            columns.append("paper")
            for value, line in zip(theirs, texts, strict=True):
                line.append(NOTHING if value is None else form.text(value))
    captions = [_caption(grid), *_judges(grid, table.evaluation, titles)]
    if table.left_out:
        more = _counted(len(table.left_out), "more figure")
        captions.append(f"{more}, shown by --figures '{table.evaluation}.*'.")
    return Block(table.evaluation, columns, texts, captions, frozenset(papers), of=grid.rows)


def _judges(grid: Grid, evaluation: str, titles: Mapping[str, str]) -> list[str]:
    """How good the judges are, and in which rows where they are not all the same."""
    rows: dict[str, list[str]] = {}
    for row in grid.rows:
        for said in dict.fromkeys(cell.judges[evaluation] for cell in row.cells if evaluation in cell.judges):
            rows.setdefault(said, []).append(titles[row.name])
    return [said if len(rows) == 1 else f"{', '.join(names)}: {said}" for said, names in rows.items()]


def _caption(grid: Grid) -> str:
    most = max(len(row.finished()) for row in grid.rows)
    if most < 2:
        return "One run each."
    partly = any(0 < len(row.finished()) < len(row.cells) for row in grid.rows)
    counts = "; in brackets how many of the runs it is of, where not of all" if partly else ""
    return f"Mean ± sample standard deviation over seeds{counts}."


def _ours(row: Row, one: Statistic | None, form: Form, evaluation: str) -> str:
    if one is None:
        unfinished = not row.finished() and any(cell.failed for cell in row.cells)
        return "failed" if unfinished or any(evaluation in cell.failures for cell in row.cells) else NOTHING
    spread = "" if one.deviation is None else f" ± {form.text(one.deviation)}"
    return f"{form.text(one.mean)}{spread}" + (f" ({one.runs}/{len(row.cells)})" if one.runs < len(row.cells) else "")


class Form:
    """How the numbers of a column are written: all with as many decimals as its largest wants."""

    def __init__(self, values: Iterable[float]) -> None:
        largest = max(map(abs, values), default=0.0)
        self._exponent = largest != 0 and not 1e-4 <= largest < 1e6
        magnitude = math.floor(math.log10(largest)) if largest and not self._exponent else 0
        self._decimals = 0 if magnitude > 2 else 1 if magnitude > 0 else max(4, 2 - magnitude)

    def text(self, value: float) -> str:
        """A number, with a true minus."""
        return f"{value:.2e}" if self._exponent else rounded(value, self._decimals).replace("-", "−")


def _tests(table: FigureTable, tests: Sequence[Comparison], titles: Mapping[str, str]) -> Block:
    lines = []
    for test in tests:
        found = [test.tests[seed] for seed in sorted(test.tests)]
        cells = (
            ", ".join(str(one.first_only) for one in found),
            ", ".join(str(one.second_only) for one in found),
            ", ".join(f"{one.p_value:.2g}" for one in found),
        )
        lines.append([
            titles[test.row.name], test.outcome, titles[test.against.name], *(text or NOTHING for text in cells)
        ])  # fmt: skip
    columns = ["", "figure", "against", "only the row right", "only the other right", "p"]
    captions = [
        "McNemar's exact test, two-sided, on test images that one of the two gets right and the other wrong; one after "
        "the other for each seed that both have, where the data are the same. p is not corrected for several tests."
    ]
    return Block(f"{table.evaluation}: more than chance?", columns, lines, captions)


def _runs(grid: Grid, titles: Mapping[str, str]) -> Block:
    lines = []
    for row in grid.rows:
        done = row.finished()
        seconds = [cell.facts.seconds for cell in done]
        lines.append([
            titles[row.name],
            row.name,
            ", ".join(str(cell.seed) for cell in done) or NOTHING,
            _distinct(cell.facts.data for cell in done),
            _distinct(cell.facts.images for cell in done),
            _distinct(cell.facts.fingerprint[:8] for cell in done),
            _distinct(cell.facts.epochs for cell in done),
            duration(sum(seconds) / len(seconds)) if seconds else NOTHING,
            duration(sum(seconds)) if seconds else NOTHING,
        ])  # fmt: skip
    columns = ["", "recipe", "seeds", "data", "images", "fingerprint", "epochs", "training, a run", "all"]
    return Block("Runs", columns, lines, numeric=False, of=grid.rows)


def _distinct(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text)) or NOTHING


def _failures(grid: Grid, titles: Mapping[str, str]) -> list[str]:
    told = []
    for row, cell in grid.cells:
        if cell.failed and not cell.failures:
            told.append(f"{_of(row, cell, titles)} {cell.state}: {cell.reason}")
        told += [f"{_of(row, cell, titles)} {name} failed: {cause}" for name, cause in cell.failures.items()]
    return told


def _warnings(grid: Grid, titles: Mapping[str, str]) -> list[str]:
    done = [(row, cell) for row, cell in grid.cells if cell.finished]
    warnings = []
    if grid.judged_on != "test":
        said = f"Judged on the {grid.judged_on} images: what is called a test image is one of these"
        warnings.append(f"{said}. No evaluation has read the others.")
    for said in dict.fromkeys(cell.facts.fallback for _, cell in done if cell.facts.fallback):
        rows = dict.fromkeys(titles[row.name] for row, cell in done if cell.facts.fallback == said)
        whose = "" if len(rows) == len(grid.rows) else f"{', '.join(rows)}: "
        warnings.append(f"{whose}{said} These figures are not comparable with the paper's, which are of its own data.")
    if len({cell.facts.fingerprint for _, cell in done}) > 1:
        warnings.append("Not all runs are on the same images, labels and split; see Runs before comparing them.")
    failed = sum(cell.failed and not cell.finished for _, cell in grid.cells)
    lacking = sum(bool(cell.failures) for _, cell in grid.cells)
    for count, of in ((failed, ""), (lacking, "Evaluations of ")):
        if count:
            warnings.append(f"{of}{count} of {_counted(len(grid.cells), 'run')} failed; the reasons are below.")
    left = [(row, cell) for row, cell in grid.cells if not (cell.finished or cell.failed)]
    if left:
        listed = "; ".join(f"{_of(row, cell, titles)} ({cell.state})" for row, cell in left)
        warnings.append(f"{len(left)} of {_counted(len(grid.cells), 'run')} not finished: {listed}.")
    return warnings


def _of(row: Row, cell: Cell, titles: Mapping[str, str]) -> str:
    return f"{titles[row.name]} · seed {cell.seed}"


def _notes(grid: Grid, written: str) -> list[tuple[str, str]]:
    facts = [cell.facts for _, cell in grid.cells if cell.finished]
    titles = row_titles(grid.rows)
    notes = [
        ("finished", f"{len(facts)} of {_counted(len(grid.cells), 'run')}"),
        ("seeds", ", ".join(dict.fromkeys(str(cell.seed) for _, cell in grid.cells))),
        ("data", _distinct(one.data for one in facts)),
        ("training", f"{duration(sum(one.seconds for one in facts))} in all" if facts else NOTHING),
        ("device", _distinct(one.device for one in facts)),
        ("precision", _distinct(one.precision for one in facts)),
        ("semreg", _distinct(one.version for one in facts)),
        ("written", written),
        ("command", grid.command),
        *((row.name, row.description) for row in grid.rows if row.description not in ("", titles[row.name])),
    ]
    return [(name, text) for name, text in notes if text not in ("", NOTHING)]
