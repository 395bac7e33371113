"""The table of a grid for papers and for other programs: LaTeX, and lines of figures as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from semreg.tables.blocks import BEST, NEAR, Block, View, mark_of
from semreg.tables.columns import figure_columns
from semreg.tables.directions import directions
from semreg.tables.grid import Grid, figure_tables

LATEX, CSV = "table.tex", "table.csv"
COLUMNS = (
    "recipe", "title", "images", "evaluation", "figure", "unit", "better",
    "mean", "standard_deviation", "runs", "paper", "best",
)  # fmt: skip
_IN_LATEX = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "`": r"\textasciigrave{}", "±": r"$\pm$", "−": "$-$", "–": "--",
    "×": r"$\times$", "≈": r"$\approx$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "²": r"\textsuperscript{2}",
    "·": r"$\cdot$", "…": r"\dots{}",
})  # fmt: skip
"""Characters with a special meaning in LaTeX, and semreg's characters that its fonts lack."""


def latex(shown: View) -> str:
    """Format the tables of figures and tests in LaTeX, a `table` each, in the style of the package booktabs."""
    tables = [_table(block) for block in shown.blocks if block.numeric]
    head = [r"% \usepackage{booktabs}", *(f"% {latex_text(text)}" for text in shown.warnings)]
    return "\n\n".join(["\n".join(head), *tables]) + "\n"


def latex_text(text: str) -> str:
    """Escape a text for LaTeX."""
    text = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return text.translate(_IN_LATEX)


def _table(block: Block) -> str:
    headings = [latex_text(text) for text in block.headings()]
    lines = [[latex_text(line[0]), *map(_cell, line[1:])] for line in block.rows]
    title = block.title if block.title.endswith("?") else f"{block.title}."
    captions = " ".join(latex_text(text) for text in (title, *block.captions))
    return "\n".join([
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{captions}}}",
        f"\\begin{{tabular}}{{{''.join('lr'[block.right(place)] for place in range(len(headings)))}}}",
        r"\toprule",
        _line(headings),
        r"\midrule",
        *map(_line, lines),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ])  # fmt: skip


def _line(cells: list[str]) -> str:
    line = " & ".join(cells)
    return f"{'{}' if line.startswith(('[', '*')) else ''}{line} \\\\"  # else an argument of the line break before it


def _cell(text: str) -> str:
    mark = mark_of(text)
    return f"\\textbf{{{latex_text(text)}}}" if mark == BEST else latex_text(f"{text} ≈" if mark == NEAR else text)


def csv_text(grid: Grid, titles: Mapping[str, str]) -> str:
    """Format the figures of the table as CSV, unrounded, one line for each figure of each row: COLUMNS.

    `images` is the judged split, test or validation; `better` is higher, lower or empty; `runs` is the number of the
    row's runs in the mean; `best` is 1 for the best ones.
    """
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(COLUMNS)
    told = directions(grid.rows)
    for table in figure_tables(grid):
        for column in figure_columns(grid, table, told):
            way, unit = column.direction
            for row, one, paper, mark in zip(table.rows, column.ours, column.papers, column.marks, strict=True):
                texts = (row.name, titles[row.name], grid.judged_on, table.evaluation, column.figure, unit, way)
                numbers = (one.mean, one.deviation, one.runs) if one else (None, None, 0)
                lines.writerow([*map(_harmless, texts), *numbers, paper, int(mark == BEST)])
    return written.getvalue()


def _harmless(text: str) -> str:
    """Change a text that a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
