"""The table of a grid as files: Markdown with its pictures, a self-contained page, LaTeX, CSV and JSON."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from semreg.core import Result, UserError
from semreg.report import curves
from semreg.report.templates import templates
from semreg.store.disk import tidy, write_whole, writing
from semreg.store.layout import LOCK
from semreg.store.leases import LeasedLock
from semreg.store.recipes import kept_as, report_path
from semreg.tables.blocks import BEST, COMMANDS, NEAR, NOTHING, Block, View, mark_of
from semreg.tables.columns import figure_columns
from semreg.tables.differing import differences_of
from semreg.tables.directions import directions
from semreg.tables.exports import CSV, LATEX, csv_text, latex
from semreg.tables.grid import Cell, Grid, Ranking, figure_tables
from semreg.tables.pictures.overlaid import overlays
from semreg.tables.pictures.side_by_side import side_by_side
from semreg.tables.ranking import RankedRow, best_row, ranked_rows
from semreg.tables.view import titles_of, view

GO_ON = "fix this; then the same command continues and keeps finished runs"
MARKDOWN, PAGE, DATA = "table.md", "table.html", "table.json"
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKUP = re.compile(r"&(?=#?\w+;)|<(?! )|^>")
"""Starts of an entity, a tag or a quotation; `p < 0.05` and `A & B` have none."""
_SPECIAL = re.compile(r"[\\|`*\[\]]|(?<![^\W_])_|_(?![^\W_])")


def write_table(grid: Grid, folder: Path) -> str:
    """Write a grid's table into a folder, each file whole or unchanged, and return the Markdown. Raises CannotWrite."""
    shown = view(grid, _now())
    text = markdown(shown)
    data = json.dumps(dictionary(grid, folder), indent=1, ensure_ascii=False, allow_nan=False)
    with writing(folder, GO_ON):
        folder.mkdir(parents=True, exist_ok=True)
        tidy(folder)
        for name, picture in shown.pictures.items():
            write_whole(folder / name, picture.png)
        write_whole(folder / CSV, csv_text(grid, titles_of(grid)).encode("utf-8", "replace"))
        write_whole(folder / LATEX, latex(shown).encode("utf-8", "replace"))
        write_whole(folder / MARKDOWN, text.encode("utf-8", "replace"))  # a path in it may be no text
        write_whole(folder / PAGE, page(grid, shown, folder).encode("utf-8", "replace"))
        write_whole(folder / DATA, (data + "\n").encode("utf-8", "backslashreplace"))
    return text


@contextlib.contextmanager
def writing_table(folder: Path) -> Iterator[None]:
    """Reserve the folder of a table for this process. Raises CannotWrite."""
    with writing(folder, GO_ON):
        folder.mkdir(parents=True, exist_ok=True)
        lock = LeasedLock(folder / LOCK)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def text_of(grid: Grid) -> str:
    """Return a grid's table as Markdown without writing it, and therefore without pictures, which are files."""
    return markdown(replace(view(grid, _now()), pictures={}))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


# --- Markdown ---


def markdown(shown: View) -> str:
    """Format the table as Markdown that also reads well as plain text."""
    parts = [f"# {escaped(shown.title)}", *(f"> **{escaped(text)}**" for text in shown.warnings)]
    for block in shown.blocks:
        parts += [f"## {escaped(block.title)}", _table(block), *map(escaped, block.captions)]
    for name, picture in shown.pictures.items():
        title = escaped(picture.title)
        parts += [f"## {title}", f"![{title}]({name})", escaped(picture.caption)]
    parts += [f"**{escaped(text)}**" for text in shown.failures]
    parts.append("\n".join(f"- {escaped(name)}: {_note(name, text)}" for name, text in shown.notes))
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Escape a text for a cell of a Markdown table."""
    text = " ".join(text.split())
    text = "".join(c if c.isprintable() else "�" for c in text)
    text = _MARKUP.sub(lambda found: _ENTITIES[found[0]], text)
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", text)


def _marked(text: str) -> str:
    """Format a cell's text, the best of its column bold."""
    mark = mark_of(text)
    return f"**{escaped(text)}**" if mark == BEST else f"{escaped(text)}{' ≈' if mark == NEAR else ''}"


def _note(name: str, text: str) -> str:
    if name not in COMMANDS:
        return escaped(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def _table(block: Block) -> str:
    lines = [[escaped(text) for text in block.headings()], *([_marked(text) for text in line] for line in block.rows)]
    widths = [max(3, *(len(line[k]) for line in lines)) for k in range(len(block.columns))]
    right = [block.right(k) for k in range(len(widths))]
    rule = ["-" * (width - 1) + ":" if side else "-" * width for width, side in zip(widths, right, strict=True)]
    padded = [
        [
            text.rjust(width) if side else text.ljust(width)
            for text, width, side in zip(line, widths, right, strict=True)
        ]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [padded[0], rule, *padded[1:]])


# --- page ---


def page(grid: Grid, shown: View, folder: Path) -> str:
    """Format the table as one self-contained page; it links to the reports of the runs, relative to `folder`."""
    links = {
        row.name: [
            (
                NOTHING if cell.seed is None else str(cell.seed),
                _report(kept_as(row.recipe_name or row.name, grid.judged_on), cell, folder),
            )
            for cell in row.cells
        ]
        for row in grid.rows
    }
    files = {"Markdown": MARKDOWN, "LaTeX": LATEX, "CSV": CSV, "JSON": DATA}
    titles = titles_of(grid)
    return _template().render(
        shown=shown,
        links=links,
        version=_version(),
        files=files,
        mark_of=mark_of,
        commands=COMMANDS,
        compared=side_by_side(grid, titles),
        curves=overlays(grid, titles),
    )


def _version() -> str:
    from semreg.core.version import __version__

    return __version__


@functools.cache
def _template() -> jinja2.Template:
    environment = templates(Path(__file__).parent)
    environment.globals |= {"chart_width": curves.WIDTH, "chart_height": curves.HEIGHT}
    return environment.get_template("table.html")


def _report(recipe: str, cell: Cell, folder: Path) -> str:
    """Return the path of a run's report on a recipe, relative to a folder; empty if there is none."""
    try:
        report = report_path(cell.folder, recipe)
    except UserError:  # of a run that is damaged
        return ""
    return quote(os.fsencode(os.path.relpath(report, folder))) if report.is_file() else ""


# --- JSON ---


def dictionary(grid: Grid, folder: Path) -> dict[str, Any]:
    """Return a grid for programs, unrounded; folders of runs are relative to `folder`, non-finite numbers are null."""
    told = directions(grid.rows)
    return {
        "name": grid.name,
        "command": grid.command,
        "judged_on": grid.judged_on,
        "best": _best(grid),
        "ranking": [_standing(grid.ranking, one) for one in ranked_rows(grid) if grid.ranking],
        "rows": [
            {
                "name": row.name,
                "description": row.description,
                "runs": [_run(cell, folder) for cell in row.cells],
            }
            for row in grid.rows
        ],
        "comparisons": [
            {
                "comparison": name,
                "row": row.name,
                "runs": one.runs,
                "figures": _figures(one.result),
                "failure": one.failure,
            }
            for row, name, one in grid.compared
        ],
        "differences": _finite(differences_of(grid.rows)),
        "tables": [
            {
                "evaluation": table.evaluation,
                "figures": [
                    {
                        "row": row.name,
                        "figure": column.figure,
                        **_figure(one),
                        "paper": paper,
                        **column.direction._asdict(),
                        "best": mark == BEST,
                    }
                    for column in figure_columns(grid, table, told)
                    for row, one, paper, mark in zip(table.rows, column.ours, column.papers, column.marks, strict=True)
                ],
                "tests": [
                    {
                        "outcome": test.outcome,
                        "row": test.row.name,
                        "against": test.against.name,
                        "by_seed": {str(seed): one._asdict() for seed, one in test.tests.items()},
                    }
                    for test in grid.tests[table.evaluation]
                ],
            }
            for table in figure_tables(grid)
        ],
    }


def _best(grid: Grid) -> dict[str, Any] | None:
    """Return the best row, and the commands that continue from it; None if nothing is ranked."""
    best = best_row(grid)
    commands = {name: text for name, text in grid.going_on if name in COMMANDS}
    return {"row": best.name, "commands": commands} if best else None


def _finite(value: Any) -> Any:
    """Convert a recipe's values for JSON, non-finite numbers to null."""
    return json.loads(json.dumps(value, default=str), parse_constant=lambda _: None)


def _standing(ranking: Ranking, one: RankedRow) -> dict[str, Any]:
    return {
        "row": one.row.name,
        "mean_rank": one.mean,
        "figures": [
            {"figure": figure, "higher_is_better": higher, "mean": value and value.mean, "rank": rank}
            for (figure, higher), value, rank in zip(ranking.figures, one.values, one.ranks, strict=True)
        ],
    }


def _figure(one: Any) -> dict[str, Any]:
    return {"mean": None, "deviation": None, "runs": 0} if one is None else one._asdict()


def _figures(result: Result) -> dict[str, float | None]:
    """Return the figures of a result, non-finite ones as null."""
    return {name: value if math.isfinite(value) else None for name, value in result.figures.items()}


def _run(cell: Cell, folder: Path) -> dict[str, Any]:
    return {
        "seed": cell.seed,
        "folder": os.path.relpath(cell.folder, folder),
        "state": cell.state,
        "reason": cell.reason,
        "facts": vars(cell.facts),
        "figures": {name: _figures(result) for name, result in cell.results.items()},
        "failures": dict(cell.failures),
        "judges": dict(cell.judges),
    }
