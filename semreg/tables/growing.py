"""A growing table: the choices for it, the runs of its grid, and their results so far."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semreg.core.errors import CannotWrite
from semreg.running.choices import Choices
from semreg.store.messages import in_first_process
from semreg.tables.comparisons import Comparisons, Member, compare_rows
from semreg.tables.executors.choosing import HERE
from semreg.tables.grid import Cell, Grid, Plot, Ranking, Row, require_metric
from semreg.tables.pages import write_table, writing_table
from semreg.tables.pictures.paper_figures import require_pictured
from semreg.tables.planned import PlannedRun
from semreg.tables.view import row_titles

TABLES = "tables"
"""The folder of tables, among the runs."""
PAUSE = 20
"""The pause between two writes of a table while its runs are made, as a multiple of the time of a write."""


@dataclass(frozen=True)
class Wanted:
    """The content of a table as the user wants it; `figures` are globs of EVALUATION.FIGURE."""

    figures: tuple[str, ...] = ()
    against: str | None = None
    only_finished: bool = False
    name: str | None = None
    command: str = ""
    plots: tuple[Plot, ...] = ()
    rank: tuple[str, ...] = ()
    """By which figures rows are ranked, as `EVALUATION.FIGURE`, where there is no ranking yet."""
    ranking: Ranking | None = None
    metric: str | None = None
    """A sweep's figure, as `EVALUATION.FIGURE`."""
    going_on: Callable[[Grid], Sequence[tuple[str, str]]] | None = None
    """For a sweep, a function that returns its best row and the commands that continue from it, as in a Grid."""
    swept: str = ""
    """For a sweep, the recipe whose keys are varied, which error messages about its rows name."""
    varied: Sequence[Mapping[str, Any]] = ()
    """For a sweep, each recipe's values of the varied keys."""
    figures_of: tuple[str, ...] = ()
    """Evaluations whose pictures are written over the rows, as a paper has them, beside the table."""
    written: bool = True
    """Whether to write the table into a folder, or only to make it."""
    on: str = HERE
    """Where its runs are made: `here`, in this process one after another, or `NAME:WORDS` of an executor."""
    gpus: float | None = None
    """The share of a GPU that each run has there."""


@dataclass(frozen=True)
class GridRun(PlannedRun):
    """A run of the grid; `row` is its recipe's place, and `varied` a sweep's values for its keys."""

    row: int
    varied: Mapping[str, Any]


class Growing:
    """The runs of a table, their known cells, and its folder, which the first process writes."""

    def __init__(self, runs: Sequence[GridRun], wanted: Wanted, choices: Choices, digest: str = "") -> None:
        self.runs, self.wanted, self.choices, self.first = list(runs), wanted, choices, in_first_process()
        self.cells = [run.read() for run in runs]
        self.name = wanted.name or _name(runs)
        self.folder = choices.out / TABLES / f"{self.name}-{(digest or _digest(runs, wanted, choices))[:6]}"
        self.compared: Comparisons | None = None
        self._next = 0.0

    @property
    def total(self) -> int:
        """The final number of its runs."""
        return len(self.runs)

    def left(self, to_do: Sequence[int]) -> int:
        """Return how many runs are unfinished; some of them are known."""
        return len(to_do)

    def more(self, free: int) -> Sequence[int]:
        """Return the places of further runs, about as many as are free: none if all are known from the start."""
        return ()

    def given_up(self, k: int) -> str:
        """Return why a running or waiting run should be given up; empty if it should not."""
        return ""

    @property
    def grid(self) -> Grid:
        wanted, cells = self.wanted, defaultdict[int, list[Cell]](list)
        for run, cell in zip(self.runs, self.cells, strict=True):
            cells[run.row].append(cell)
        compared = self.compared or Comparisons()
        rows = [
            Row(
                run.plan.name,
                run.plan.tables.description,
                tuple(cells[run.row]),
                run.plan.table,
                run.varied,
                compared=compared.by_row.get(run.row, {}),
            )
            for run in {run.row: run for run in self.runs}.values()
        ]
        return Grid(
            self.name, tuple(rows), wanted.figures, wanted.against, wanted.command, wanted.plots, wanted.ranking,
            wanted.metric,
            judged_on=self.choices.judge_on,
            across=compared.across,
        )  # fmt: skip

    @property
    def told(self) -> Grid:
        """The grid with a sweep's statement on its best row."""
        grid, going_on = self.grid, self.wanted.going_on
        return replace(grid, going_on=tuple(going_on(grid))) if going_on else grid

    def put(self, k: int, cell: Cell) -> None:
        """Take a run's outcome, and write the table, unless that would take most of the time."""
        self.cells[k] = cell
        if time.monotonic() >= self._next:
            self.write()
        if self._lacks(cell):  # once known, before all others are made
            grid = self.grid
            require_metric(grid)
            require_pictured(grid, self.wanted.figures_of)

    def _lacks(self, cell: Cell) -> bool:
        """Return whether a run lacks the wanted figures or pictures: then the others may lack them, too."""
        evaluation, _, figure = (self.wanted.metric or "").partition(".")
        unfigured = evaluation in cell.results and figure not in cell.results[evaluation].figures
        return unfigured or any(
            name in cell.results and not cell.results[name].pictures for name in self.wanted.figures_of
        )

    def compare(self) -> None:
        """Run the missing comparisons of the finished runs. Raises CannotWrite."""
        if self.compared is None and self.first and self.wanted.written:
            titles = row_titles(self.grid.rows)
            by_row = defaultdict[int, list[Member]](list)
            for run, cell in zip(self.runs, self.cells, strict=True):
                if cell.finished:
                    by_row[run.row].append(Member(run, cell, titles[run.plan.name]))
            self.compared = compare_rows(by_row, self.folder, self.choices)

    @contextlib.contextmanager
    def written(self) -> Iterator[None]:
        """Take runs inside; write the table at the end, however it ends."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(CannotWrite):  # which must not hide what happened
                self.write()
            raise
        self.write()

    def write(self) -> None:
        """Write the table, with the results of other commands meanwhile, one command at a time."""
        if not (self.first and self.wanted.written):
            return
        began = time.monotonic()
        with writing_table(self.folder):
            for k, cell in enumerate(self.cells):
                fresh = cell if cell.finished or cell.pruned else self.runs[k].read()
                if fresh.finished or not cell.failed:
                    self.cells[k] = fresh
            write_table(self.told, self.folder)
        now = time.monotonic()
        self._next = now + PAUSE * (now - began)


def _name(runs: Sequence[GridRun]) -> str:
    """Return the recipe's name, if there is one recipe; else the name of their common folder."""
    if len({run.row for run in runs}) == 1:
        return runs[0].plan.name
    folder = os.path.commonpath([run.recipe.path.resolve().parent for run in runs])
    return re.sub(r"[^\w.-]+", "_", Path(folder).name).lstrip(".-") or "table"


def _digest(runs: Sequence[GridRun], wanted: Wanted, choices: Choices) -> str:
    """Return what distinguishes a table's folder from others of its name: its runs, and a sweep's other choices."""
    told = sorted(run.place.identity.digest for run in runs)
    content = " ".join([*told, choices.judge_on] if choices.judge_on != "test" else told)
    if wanted.metric is not None:
        folders = sorted({folder for run in runs for folder in run.folders.values()})
        ranked = wanted.ranking and wanted.ranking.figures
        varied = list({run.row: run.varied for run in runs}.values())
        content = repr((content, folders, varied, ranked))
    return hashlib.sha256(content.encode()).hexdigest()
