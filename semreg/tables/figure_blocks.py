"""The figures of a grid as tables: with units and directions, marks for the best, and paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from semreg.report.evaluations import ARROWS
from semreg.tables.blocks import BEST, NEAR, NOTHING, Block, Text, counted
from semreg.tables.columns import Form, figure_columns, incomparable, standing
from semreg.tables.directions import Directions
from semreg.tables.grid import FigureTable, Grid, PairedTests, Ranking, Row, Statistic, whole
from semreg.tables.ranking import ranked_rows

CHANCE = 0.05
"""The p-value below which a difference is called more than chance."""
LEFT_OUT = "A row with a failed run, or without a number, is neither marked nor ranked."
MARKED = {
    BEST: "bold: best of a column",
    NEAR: "≈: the difference from the best is at most the larger of the two deviations",
}


def ranking_block(grid: Grid, ranking: Ranking, titles: Mapping[str, str]) -> Block:
    """Return the rows by their mean rank, or their rank if there is one figure, with the ranked figures."""
    found, several = ranked_rows(grid), len(ranking.figures) > 1
    marked: set[str] = set()
    columns = ["", "mean rank" if several else "rank"]
    lines = [[titles[one.row.name], Text(_rank(one.mean), one.mean)] for one in found]
    by = [f"{figure} {'↑' if higher_is_better else '↓'}" for figure, higher_is_better in ranking.figures]
    for k, (figure, higher_is_better) in enumerate(ranking.figures):
        columns += [f"{figure.partition('.')[0]} {by[k][-1]}", "rank"] if several else by
        values = [one.values[k] for one in found]
        form = Form(value.mean for value in values if value)
        rows, better = [one.row for one in found], "higher" if higher_is_better else "lower"
        stand = standing(grid, rows, values, figure.partition(".")[0], better, form)
        marked.update(stand)
        for one, value, mark, line in zip(found, values, stand, lines, strict=True):
            rank = one.ranks[k]
            line.append(_ours(one.row, value, form, figure.partition(".")[0], mark))
            if several:
                line.append(Text(_rank(rank), rank))
    captions = [
        f"By {', '.join(by)}: the best, which is the highest (↑) or the lowest (↓), has rank 1, equal ones share the "
        f"mean of their ranks{', and all figures count alike' if several else ''}. {_said(set(), marked)}".rstrip(),
        *([LEFT_OUT] if any(value and not whole(one.row, value) for one in found for value in one.values) else []),
        *ranking.remarks,
    ]
    ranks = frozenset(range(3, len(columns), 2))
    return Block("Ranking", columns, lines, captions, ranks, of=[one.row for one in found])


def _rank(rank: float | None) -> str:
    return NOTHING if rank is None else f"{rank:.2f}".rstrip("0").rstrip(".")


def figures_block(grid: Grid, table: FigureTable, titles: Mapping[str, str], told: Directions) -> Block:
    """Return the figures of an evaluation or comparison: mean ± sample deviation over seeds, beside the paper's."""
    headings, texts = [""], [[titles[row.name]] for row in table.rows]
    papers, units = set(), {}
    columns = figure_columns(grid, table, told)
    for column in columns:
        if column.direction.unit:
            units[len(headings)] = column.direction.unit
        headings.append(f"{column.figure} {column.direction.arrow}".rstrip())
        for row, one, mark, line in zip(table.rows, column.ours, column.marks, texts, strict=True):
            line.append(_ours(row, one, column.form, table.evaluation, mark))
        if column.figure in table.papers:
            papers.add(len(headings))
            headings.append("paper")
            for value, line in zip(column.papers, texts, strict=True):
                line.append(NOTHING if value is None else Text(column.form.text(value), value))
    ways = {column.direction.better for column in columns}
    marked = {mark for column in columns for mark in column.marks}
    captions = [" ".join(filter(None, [_over_runs(table), _said(ways, marked)]))]
    captions += _judges(grid, table.evaluation, titles)
    reason = incomparable(grid, table.evaluation)
    if reason and ways - {""}:
        captions.append(f"No best is marked, since {reason}.")
    if any(not whole(row, one) for column in columns for row, one in zip(table.rows, column.ours, strict=True) if one):
        captions.append(LEFT_OUT)
    if table.left_out:
        more = counted(len(table.left_out), "more figure")
        captions.append(f"{more}, shown by --figures '{table.evaluation}.*'.")
    own = table.rows if table.rows == grid.rows else ()
    return Block(table.evaluation, headings, texts, captions, frozenset(papers), of=own, units=units)


def _judges(grid: Grid, evaluation: str, titles: Mapping[str, str]) -> list[str]:
    """Return sentences on the judges' accuracy, with rows if they differ between rows."""
    rows: dict[str, list[str]] = {}
    for row in grid.rows:
        for said in dict.fromkeys(cell.judges[evaluation] for cell in row.cells if evaluation in cell.judges):
            rows.setdefault(said, []).append(titles[row.name])
    return [said if len(rows) == 1 else f"{', '.join(names)}: {said}" for said, names in rows.items()]


def _over_runs(table: FigureTable) -> str:
    """Return a sentence on how the figures combine several runs."""
    most = max(len(row.finished()) for row in table.rows)
    if most < 2:
        return "One run each."
    partly = any(0 < len(row.finished()) < len(row.cells) for row in table.rows)
    counts = "; in brackets the number of runs, if some lack the figure" if partly else ""
    over = "Over all finished runs of a row" if table.compares else "Mean ± sample standard deviation over seeds"
    return f"{over}{counts}."


def _said(ways: set[str], marked: set[str]) -> str:
    """Return what arrows and marks mean, as far as there are any."""
    parts = [f"{ARROWS[way]} {way} is better" for way in ARROWS if way and way in ways]
    parts += [meaning for mark, meaning in MARKED.items() if mark in marked]
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _ours(row: Row, one: Statistic | None, form: Form, evaluation: str, mark: str = "") -> str:
    if one is None:
        compared = row.compared.get(evaluation)
        if any(evaluation in cell.failures for cell in row.cells) or (compared and compared.failure):
            return "failed"
        ended = [cell.state for cell in row.cells if cell.failed or cell.pruned]
        return NOTHING if row.finished() or not ended else ended[0]
    spread = "" if one.deviation is None else f" ± {form.text(one.deviation)}"
    runs = f" ({one.runs}/{len(row.cells)})" if one.runs < len(row.cells) else ""
    return Text(f"{form.text(one.mean)}{spread}{runs}", one.mean, mark)


def chance_block(
    tests: Mapping[str, Sequence[PairedTests]], titles: Mapping[str, str], judged_on: str = "test"
) -> Block:
    """Compare each row with another, image by image, by evaluations: whether the difference is more than chance."""
    lines = []
    for evaluation, test in ((name, test) for name, found in tests.items() for test in found):
        found = [test.tests[seed] for seed in sorted(test.tests)]
        cells = (
            verdict(test),
            ", ".join(f"{one.p_value:.2g}" for one in found),
            ", ".join(str(one.first_only) for one in found),
            ", ".join(str(one.second_only) for one in found),
        )
        lines.append([
            titles[test.row.name],
            f"{evaluation}.{test.outcome}",
            titles[test.against.name],
            *(text or NOTHING for text in cells),
        ])  # fmt: skip
    columns = ["", "figure", "against", "more than chance?", "p", "only the row right", "only the other right"]
    captions = [
        f"McNemar's exact test, two-sided, on the {judged_on} images that only one of the two rows gets right; one "
        "test for each seed that both rows have on the same data. More than chance: two rows with equal error rates "
        f"would differ this much in fewer than {CHANCE:.0%} of cases (p < {CHANCE:g}). p is not corrected for several "
        "tests."
    ]
    return Block("Is the difference more than chance?", columns, lines, captions, words=frozenset({1, 2, 3}))


def verdict(comparison: PairedTests) -> str:
    """Return in words whether a row is better or worse than the other by more than chance, and in how many of the
    seeds.
    """
    tests = comparison.tests.values()
    decided = [test.first_only > test.second_only for test in tests if test.p_value < CHANCE]
    if not tests:
        return ""
    said = [
        word + (f" in {decided.count(way)} of {len(tests)} seeds" if decided.count(way) < len(tests) else "")
        for word, way in (("better", True), ("worse", False))
        if way in decided
    ]
    return f"yes, {', '.join(said)}" if said else "no"
