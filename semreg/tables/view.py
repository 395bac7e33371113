"""A grid as blocks of text, which its Markdown, its page and its JSON share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from semreg.data.summary import some
from semreg.report.formatting import duration
from semreg.tables.blocks import NOTHING, Block, Text, View, counted
from semreg.tables.columns import on_the_same_data
from semreg.tables.comparison_blocks import compared_blocks, compared_pictures
from semreg.tables.differing import differences_block
from semreg.tables.directions import directions
from semreg.tables.figure_blocks import chance_block, figures_block, ranking_block
from semreg.tables.grid import TOGETHER, Cell, Grid, Row, figure_tables
from semreg.tables.pictures.slices import slices
from semreg.tables.plots import draw, file_name

LONGEST_TITLE = 60
"""A longer description is not used as a row's title."""


def view(grid: Grid, written: str) -> View:
    """Return the content of a grid's table; `written` is the time."""
    titles, told = titles_of(grid), directions(grid.rows)
    blocks = [ranking_block(grid, grid.ranking, titles)] if grid.ranking else []
    tables = figure_tables(grid)
    blocks += [figures_block(grid, table, titles, told) for table in tables]
    blocks += compared_blocks(grid, titles)
    tests = {evaluation: found for evaluation, found in grid.tests.items() if found}
    differing = differences_block(grid.rows, titles)
    blocks += [*([chance_block(tests, titles, grid.judged_on)] if tests else []), *([differing] if differing else [])]
    blocks.append(_runs(grid, titles))
    drawn = {plot: draw(plot, grid.rows, titles) for plot in grid.plots}
    warnings = _warnings(grid, titles)
    for plot, picture in drawn.items():
        if picture is None:
            warnings.append(f"No recipe has a value of both figures of the plot {plot.x}:{plot.y}.")
    pictures = {file_name(plot): picture for plot, picture in drawn.items() if picture}
    pictures |= slices(grid) | compared_pictures(grid, titles)
    return View(title_of(grid), warnings, blocks, pictures, _failures(grid, titles), _notes(grid, written))


def row_titles(rows: Sequence[Row]) -> dict[str, str]:
    """Return each row's description, by the row's name, if it is short and no other row has it; else its name."""
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


def titles_of(grid: Grid) -> dict[str, str]:
    """Return the titles of a grid's rows, and of all of them together, by their names."""
    return {TOGETHER: TOGETHER} | row_titles(grid.rows)


def title_of(grid: Grid) -> str:
    """Return a line that describes a grid."""
    seeds = max(len(row.cells) for row in grid.rows)
    return f"{grid.name}: {counted(len(grid.rows), 'recipe')} × {counted(seeds, 'seed')}"


def _runs(grid: Grid, titles: Mapping[str, str]) -> Block:
    lines = []
    for row in grid.rows:
        done = row.finished()
        seconds = [cell.facts.seconds for cell in done]
        lines.append([
            titles[row.name],
            row.name,
            _seeds(done) or NOTHING,
            _distinct(cell.facts.data for cell in done),
            _distinct(cell.facts.images for cell in done),
            _distinct(cell.facts.fingerprint[:8] for cell in done),
            _distinct(cell.facts.epochs for cell in done),
            Text(duration(sum(seconds) / len(seconds)), sum(seconds) / len(seconds)) if seconds else NOTHING,
            Text(duration(sum(seconds)), sum(seconds)) if seconds else NOTHING,
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
    told += [f"{titles[row.name]} {name} failed: {one.failure}" for row, name, one in grid.compared if one.failure]
    return told


def _warnings(grid: Grid, titles: Mapping[str, str]) -> list[str]:
    done = [(row, cell) for row, cell in grid.cells if cell.finished]
    warnings = []
    if grid.judged_on != "test":
        said = f"Judged on the {grid.judged_on} images: a test image on this page is one of these"
        warnings.append(f"{said}. No figure of this page uses the test split.")
    for said in dict.fromkeys(cell.facts.fallback for _, cell in done if cell.facts.fallback):
        rows = dict.fromkeys(titles[row.name] for row, cell in done if cell.facts.fallback == said)
        whose = "" if len(rows) == len(grid.rows) else f"{', '.join(rows)}: "
        warnings.append(f"{whose}{said} These figures are not comparable with the paper's, because the data differ.")
    if not on_the_same_data(grid):
        warnings.append("Not all runs are on the same images, labels and split; see Runs before comparing them.")
    runs = counted(len(_runs_of(grid)), "run")
    for state, said in (("failed", "failed"), ("damaged", "can't be read")):
        if count := len({cell.folder for _, cell in grid.cells if cell.state == state}):
            warnings.append(f"{count} of {runs} {said}; the reasons are below.")
    if lacking := {cell.folder for _, cell in grid.cells if cell.failures}:
        warnings.append(f"Evaluations of {len(lacking)} of {runs} failed; the reasons are below.")
    if pruned := [(row, cell) for row, cell in grid.cells if cell.pruned]:
        listed = "; ".join(f"{_of(row, cell, titles)} ({cell.reason})" for row, cell in pruned)
        warnings.append(f"{len({cell.folder for _, cell in pruned})} of {runs} pruned: {listed}.")
    left = [(row, cell) for row, cell in grid.cells if not (cell.finished or cell.failed or cell.pruned)]
    if left:
        listed = "; ".join(f"{_of(row, cell, titles)} ({cell.state})" for row, cell in left)
        warnings.append(f"{len({cell.folder for _, cell in left})} of {runs} not finished: {listed}.")
    if alone := [f"{titles[row.name]} ({name})" for row, name, one in grid.compared if one.too_few]:
        warnings.append(f"Not compared, because a second finished run is missing: {some(alone, 3)}.")
    if unjudged := {row.name: cells for row in grid.rows if (cells := _unjudged(row))}:
        listed = "; ".join(f"{titles[name]} (seed {_seeds(cells)})" for name, cells in unjudged.items())
        option = "" if grid.judged_on == "test" else f" --judge-on {grid.judged_on}"
        said = f"Without figures, because never evaluated on {grid.judged_on} images: {listed}"
        warnings.append(f"{said}; run semreg evaluate RUN{option}.")
    return warnings


def _unjudged(row: Row) -> list[Cell]:
    """Return the finished runs of a row without a result of its evaluations, although none failed."""
    return [cell for cell in row.finished() if row.recipe.get("evaluate") and not (cell.results or cell.failures)]


def _runs_of(grid: Grid) -> dict[Path, list[Cell]]:
    """Return the cells of each run, by its folder: rows whose recipes train the same share runs."""
    runs: dict[Path, list[Cell]] = {}
    for _, cell in grid.cells:
        runs.setdefault(cell.folder, []).append(cell)
    return runs


def _seeds(cells: Iterable[Cell]) -> str:
    """Return the seeds of runs, as far as they are known."""
    return ", ".join(dict.fromkeys(str(cell.seed) for cell in cells if cell.seed is not None))


def _of(row: Row, cell: Cell, titles: Mapping[str, str]) -> str:
    return titles[row.name] if cell.seed is None else f"{titles[row.name]} · seed {cell.seed}"


def _notes(grid: Grid, written: str) -> list[tuple[str, str]]:
    runs = _runs_of(grid)
    facts = [cells[0].facts for cells in runs.values() if all(cell.finished for cell in cells)]
    titles = titles_of(grid)
    notes = [
        ("finished", f"{len(facts)} of {counted(len(runs), 'run')}"),
        ("seeds", _seeds(cell for _, cell in grid.cells)),
        ("data", _distinct(one.data for one in facts)),
        ("training", f"{duration(sum(one.seconds for one in facts))} in all" if facts else NOTHING),
        ("device", _distinct(one.device for one in facts)),
        ("precision", _distinct(one.precision for one in facts)),
        ("semreg", _distinct(one.version for one in facts)),
        ("written", written),
        ("command", grid.command),
        *grid.going_on,
        *((row.name, row.description) for row in grid.rows if row.description not in ("", titles[row.name])),
    ]
    return [(name, text) for name, text in notes if text not in ("", NOTHING)]
