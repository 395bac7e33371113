"""The tables and pictures of comparisons, as a table shows them besides figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from semreg.core import Cell, Picture, Table
from semreg.pictures.html import cells
from semreg.tables.blocks import Block, Text
from semreg.tables.grid import Grid
from semreg.tables.plots import file_name


def compared_blocks(grid: Grid, titles: Mapping[str, str]) -> list[Block]:
    """Return the tables of comparisons; those with one title and one header form one table."""
    found: dict[tuple[str, str, tuple[str, ...]], list[tuple[str, Table]]] = {}
    for row, name, compared in grid.compared:
        for table in compared.result.tables:
            found.setdefault((name, table.title, tuple(table.columns)), []).append((titles[row.name], table))
    return [_block(f"{name}: {title}", tables) for (name, title, _), tables in found.items()]


def _block(title: str, tables: list[tuple[str, Table]]) -> Block:
    """Join tables with one header, each under the title of its row."""
    first = tables[0][1]
    width = len(first.columns)
    lines = [(row, *[*line, *[None] * width][:width]) for row, table in tables for line in table.rows]
    columns = ["", *first.columns]
    texts = cells(Table(title, columns, lines, digits=first.digits))
    numbers = [[_number(value) for value in line] for line in lines]
    words = {k for k in range(1, width + 1) if all(line[k] is None for line in numbers)}
    rows = [list(map(Text, *pair)) for pair in zip(texts, numbers, strict=True)]
    captions = list(dict.fromkeys(table.caption for _, table in tables if table.caption))
    return Block(title, columns, rows, captions, words=frozenset(words))


def _number(value: Cell) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def compared_pictures(grid: Grid, titles: Mapping[str, str]) -> dict[str, Picture]:
    """Return the pictures of comparisons, titled with comparison and row, by the names of files."""
    return {
        file_name((name, row.name, picture.title, str(place))): replace(
            picture, title=f"{name}, {titles[row.name]}: {picture.title}"
        )
        for row, name, compared in grid.compared
        for place, picture in enumerate(compared.result.pictures)
    }
