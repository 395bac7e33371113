"""Tables of labels: CSV in UTF-8, separated by commas, with a header."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from semreg.core import UserError
from semreg.data.files import quoted, read_text


@dataclass(frozen=True)
class LabelTable:
    """The columns of a table by name, and the line of the file on which each row starts."""

    columns: dict[str, list[str]]
    lines: list[int]


def read_label_table(path: Path) -> LabelTable:
    """Read a table; empty lines are skipped.

    Raises:
        UserError: the file is not UTF-8 text, has no rows, rows of another length than the header, or a header without
            a name for each column.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(str(path), f"can't be read: the row that begins on line {line}: {error}") from None
    header = [name.strip() for name in rows[0]] if rows else []
    _check_header(path, header)
    if len(rows) < 2:
        raise UserError(str(path), "there are no rows; expected a header and one line per image")
    wrong = [index for index, row in enumerate(rows) if len(row) != len(header)]
    if wrong:
        found = f"line {lines[wrong[0]]} has {len(rows[wrong[0]])} columns, the header {len(header)}"
        raise UserError(str(path), found + (f" ({len(wrong)} such lines)" if len(wrong) > 1 else ""))
    return LabelTable({name: [row[index] for row in rows[1:]] for index, name in enumerate(header)}, lines[1:])


def _check_header(path: Path, header: list[str]) -> None:
    if len(header) == 1 and any(separator in header[0] for separator in ";\t"):
        raise UserError(str(path), f"the header is one column, {quoted(header[0])}; columns are separated by commas")
    if "" in header:
        index = "; a data frame's index is left out by index=False" if not header[0] else ""
        raise UserError(str(path), f"column {header.index('') + 1} has no name in the header{index}")
    for name, times in Counter(header).items():
        if times > 1:
            raise UserError(str(path), f"the header names {quoted(name)} twice")
