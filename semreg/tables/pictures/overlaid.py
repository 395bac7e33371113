"""Overlaid curves of the rows of a grid: their losses, phase by phase, from the runs' logs."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from semreg.core import UserError
from semreg.pictures import class_colours
from semreg.pictures.style import COLOURS
from semreg.report.curves import Chart, Points, overlaid, thinned
from semreg.store.layout import METRICS
from semreg.store.record import read_metrics
from semreg.tables.grid import Cell, Grid
from semreg.tables.pictures.chosen import drawn_rows, one_run_each, said_of_rows, seeds_of

MOST_CHARTS = 12
"""The most charts of a page, the first ones; a run's report has all of its own."""
MOST_POINTS = 80
"""The most points of a line: 20 rows with 12 charts take 1 MB."""
TRAINING, VALIDATION = "train", "validation"
_CACHED = 500

Curves = Mapping[tuple[str, str], Mapping[str, Points]]
"""For each phase and loss, by TRAINING and VALIDATION, its points."""


@dataclass(frozen=True)
class Overlay:
    """The chart of one loss, with the title of the row and the colour of each line."""

    phase: str
    chart: Chart
    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Overlays:
    """All charts, the colour of each row by its title, and notes on them."""

    charts: Sequence[Overlay]
    colours: Mapping[str, str]
    remarks: Sequence[str]

    @property
    def validated(self) -> bool:
        """Whether any line shows validation losses."""
        return any(line.kind == VALIDATION for one in self.charts for line in one.chart.lines)


def overlays(grid: Grid, titles: Mapping[str, str]) -> Overlays:
    """Overlay the losses that two or more rows of a grid share, one run for each row; titles by the rows' names."""
    cells = one_run_each(drawn_rows(grid), _curves_of)
    colours = dict(zip([titles[name] for name in cells], _colours(len(cells)), strict=True))
    curves = {titles[name]: _curves_of(cell) for name, cell in cells.items()}
    shared = [key for key in dict.fromkeys(key for own in curves.values() for key in own) if _is_shared(key, curves)]
    charts = []
    for key in shared[:MOST_CHARTS]:
        drawn = [
            (title, kind, own[key][kind])
            for title, own in curves.items()
            for kind in (TRAINING, VALIDATION)
            if own.get(key, {}).get(kind)
        ]
        chart = overlaid(key[1], [(kind, points) for _, kind, points in drawn])
        if chart is not None:
            charts.append(Overlay(key[0], chart, [(title, colours[title]) for title, _, _ in drawn]))
    remarks = [*said_of_rows(grid), seeds_of(cells, titles)] if charts else []
    if len(shared) > MOST_CHARTS:
        remarks.append(f"The first {MOST_CHARTS} of {len(shared)} losses that rows share.")
    return Overlays(charts, colours, remarks)


def _is_shared(key: tuple[str, str], curves: Mapping[str, Curves]) -> bool:
    return sum(key in own for own in curves.values()) > 1


def _colours(count: int) -> Sequence[str]:
    return COLOURS[:count] if count <= len(COLOURS) else class_colours(count)


def _curves_of(cell: Cell) -> Curves:
    log = cell.folder / METRICS
    try:
        written = log.stat()
        return _read(cell.folder, written.st_mtime_ns, written.st_size)
    except (OSError, UserError):  # not started, or damaged, which the run's cell states
        return {}


@functools.lru_cache(maxsize=_CACHED)  # a table is written after each of its runs
def _read(folder: Path, written: int, size: int) -> Curves:
    """Read the thinned curves of a run, of finite values. Raises UserError if its log can't be read."""
    found: dict[tuple[str, str], dict[str, Points]] = {}
    for phase, metrics in read_metrics(folder).items():
        for kind, losses in ((TRAINING, metrics.train), (VALIDATION, metrics.validation)):
            for loss, points in losses.items():
                if thin := thinned(points, MOST_POINTS):
                    found.setdefault((phase, loss), {})[kind] = thin
    return found
