"""The choice of the rows of a grid to draw, and of the run of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from semreg.tables.grid import Cell, Grid, Row
from semreg.tables.ranking import ranked_rows

MOST_ROWS = 20
"""The most rows whose pictures and curves a page shows."""


def drawn_rows(grid: Grid) -> list[Row]:
    """Return the rows that a page draws, in the grid's order: the best of many if they are ranked, else the first."""
    best = [one.row for one in ranked_rows(grid)] or list(grid.rows)
    names = {row.name for row in best[:MOST_ROWS]}
    return [row for row in grid.rows if row.name in names]


def said_of_rows(grid: Grid) -> list[str]:
    """Return a sentence on which rows are drawn, if not all are."""
    if len(grid.rows) <= MOST_ROWS:
        return []
    if grid.ranking:
        return [f"The {MOST_ROWS} best of {len(grid.rows)} rows, by their ranking."]
    return [f"The first {MOST_ROWS} of {len(grid.rows)} rows."]


def one_run_each(rows: Sequence[Row], has: Callable[[Cell], object]) -> dict[str, Cell]:
    """Return for each row, by its name, a run that has the content to draw; rows without one are left out.

    All runs have one seed, the first for which every such row has a run; else each has its own first seed.
    """
    found = {row.name: {cell.seed: cell for cell in row.cells if has(cell)} for row in rows}
    found = {name: cells for name, cells in found.items() if cells}
    seeds = next(iter(found.values()), {})
    shared = next((seed for seed in seeds if all(seed in cells for cells in found.values())), None)
    return {name: next(iter(cells.values())) if shared is None else cells[shared] for name, cells in found.items()}


def seeds_of(cells: Mapping[str, Cell], titles: Mapping[str, str]) -> str:
    """Return a sentence on the seeds of the chosen runs."""
    seeds = {cell.seed for cell in cells.values()}
    if len(seeds) == 1:
        return f"Runs of seed {seeds.pop()}."
    return f"Runs of no common seed: {', '.join(f'{titles[name]} {cell.seed}' for name, cell in cells.items())}."
