"""Results as HTML for notebooks, without scripts or styles from outside."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape
from io import BytesIO

from semreg.core import Picture, Result, Table
from semreg.pictures.style import PIXEL_RATIO
from semreg.store.numbers import column, number

NOTHING = "–"
"""The text of a cell without a value."""
MOST_ROWS = 30
"""The most rows of a table; a report shows all."""
MOST_BYTES = 100_000
"""The most bytes of pictures after the first: a notebook stores them all."""


def result_html(result: Result) -> str:
    """Return the summary, figures, tables and pictures of a result."""
    parts = [f"<p>{escape(result.summary)}</p>"] if result.summary else []
    parts += [figures_html({"": result})] if result.figures else []
    parts += [f"{_title(table)}{table_html(table.columns, cells(table))}" for table in result.tables]
    parts.append(pictures_html(result.pictures))
    return "".join(parts)


def figures_html(results: Mapping[str, Result]) -> str:
    """Return the figures of evaluations by their names, beside the paper's, if there are any."""
    by_paper = any(result.paper for result in results.values())
    rows = [
        [
            f"{name}.{figure}".lstrip("."),
            number(value),
            *([number(result.paper[figure])] if figure in result.paper else []),
        ]
        for name, result in results.items()
        for figure, value in result.figures.items()
    ]
    return table_html(("figure", "value", *(["paper"] if by_paper else [])), rows) if rows else ""


def table_html(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of text; a long one shows its first rows, and the number of the others."""
    lines = [_row("th", columns), *(_row("td", row) for row in rows[:MOST_ROWS])]
    more = f"<p>and {len(rows) - MOST_ROWS} more rows</p>" if len(rows) > MOST_ROWS else ""
    return f"<table>{''.join(lines)}</table>{more}"


def pictures_html(pictures: Iterable[Picture]) -> str:
    """Return pictures below their titles, at the page's resolution: as many as a notebook can store, and the number of
    others."""
    parts: list[str] = []
    size = left_out = 0
    for picture in map(_small, pictures):
        if parts and size + len(picture.png) > MOST_BYTES:
            left_out += 1
            continue
        size += len(picture.png)
        image = f'<img src="{as_uri(picture)}" alt="{escape(picture.title)}">'
        parts.append(f"<figure>{_title(picture)}{image}</figure>")
    more = [f"<p>and {left_out} more pictures</p>"] if left_out else []
    return "".join([*parts, *more])


def as_uri(picture: Picture) -> str:
    """Return a picture as the address of an image."""
    return f"data:image/png;base64,{base64.b64encode(picture.png).decode('ascii')}"


def page_width(picture: Picture) -> int:
    """Return the width of a picture on a page; a PNG's header has its width."""
    if len(picture.png) < 24 or not picture.png.startswith(b"\x89PNG"):
        return 600
    return int(struct.unpack(">I", picture.png[16:20])[0]) // PIXEL_RATIO


def cells(table: Table) -> list[list[str]]:
    """Return the texts of a table, row by row; all numbers of a column have the same number of decimals."""
    rows = [[NOTHING if value is None else str(value) for value in row] for row in table.rows]
    for place in range(len(table.columns)):
        own = [k for k, row in enumerate(table.rows) if place < len(row) and isinstance(row[place], float)]
        texts = column([float(table.rows[k][place] or 0) for k in own], table.digits)
        for k, text in zip(own, texts, strict=True):
            rows[k][place] = text
    return rows


def _small(picture: Picture) -> Picture:
    """Return a picture with as many pixels as it is wide on a page."""
    from PIL import Image

    with Image.open(BytesIO(picture.png)) as image:
        width = page_width(picture)
        small = image.convert("RGB").resize((width, max(1, round(image.height * width / image.width))))
    buffer = BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return replace(picture, png=buffer.getvalue())


def _title(shown: Table | Picture) -> str:
    caption = f"<br>{escape(shown.caption)}" if shown.caption else ""
    return f"<p><b>{escape(shown.title)}</b>{caption}</p>" if shown.title or caption else ""


def _row(tag: str, texts: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(text)}</{tag}>' for text in texts)}</tr>"
