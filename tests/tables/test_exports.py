"""A table as LaTeX and CSV: all figures, and nothing in a name that is more than a name."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import Result
from semreg.tables.exports import COLUMNS, csv_text, latex, latex_text
from semreg.tables.grid import Cell, Grid, Row
from semreg.tables.view import row_titles, view
from tests.tables.conftest import FACTS, finished

HOSTILE = r"50% of $x_1$ & \input{/etc/passwd} # ~^ {β}"
RECIPE: dict[str, Any] = {"evaluate": {"probe": {"use": "linear_probe(z, digit)"}}}


@pytest.fixture
def grid(runs: Path) -> Grid:
    rows = (
        Row("vae", "A VAE", finished(runs, "vae", [0.9, 0.95], 0.971), RECIPE),
        Row("gan", HOSTILE, finished(runs, "gan", [0.5, 0.55]), RECIPE),
        Row("late", "", (Cell(0, runs / "late-0", "not begun"),), RECIPE),
    )
    return Grid("toys", rows)


def test_latex_is_a_table_in_booktabs_for_each_evaluation(grid: Grid) -> None:
    text = latex(view(grid, ""))
    assert r"\caption{Is the difference more than chance? McNemar's" in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2, "figures, and tests"
    assert r"\begin{tabular}{lrr}" in text
    assert r" & accuracy $\uparrow$ (share) & paper \\" in text
    assert r"A VAE & \textbf{0.9250 $\pm$ 0.0354} & 0.9710 \\" in text
    assert r"late & -- & -- \\" in text
    assert r"\begin{tabular}{lllrrrr}" not in text, "columns of words are aligned to the left"
    assert r"\begin{tabular}{llllrrr}" in text
    assert latex_text(HOSTILE) in text
    for environment in ("table", "tabular"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}")


def test_what_is_to_be_known_of_the_figures_goes_with_them(grid: Grid) -> None:
    on_validation = replace(grid, judged_on="validation")
    head = latex(view(on_validation, "")).partition(r"\begin")[0]
    assert "% Judged on the validation images" in head
    assert all(line.startswith("%") for line in head.splitlines() if line)
    lines = csv.DictReader(csv_text(on_validation, row_titles(grid.rows)).splitlines())
    assert {line["images"] for line in lines} == {"validation"}


def test_what_a_name_says_is_no_command() -> None:
    assert latex_text(HOSTILE) == (
        r"50\% of \$x\_1\$ \& \textbackslash{}input\{/etc/passwd\} \# \textasciitilde{}\textasciicircum{} \{β\}"
    )
    assert latex_text("a\n\x1b[31m b") == "a ?[31m b"


@given(st.text())
def test_no_text_holds_what_latex_would_read(text: str) -> None:
    found = latex_text(text)
    words = r"backslash|asciicircum|asciitilde|asciigrave|less|greater|bar"
    known = rf"\\text({words})\{{\}}|\\dots\{{\}}|\\textsuperscript\{{2\}}|\\[{{}}$&#_%]"
    rest = re.sub(rf"{known}|\$(\\(pm|times|approx|uparrow|downarrow|cdot)|-)\$", "", found)
    assert not set(r"\{}$&#_%^~") & set(rest)
    assert rest.isprintable()


def test_csv_has_a_line_for_each_figure_of_each_row(grid: Grid) -> None:
    lines = list(csv.DictReader(csv_text(grid, row_titles(grid.rows)).splitlines()))
    assert tuple(lines[0]) == COLUMNS
    first, second, third = lines
    assert first == {
        "recipe": "vae", "title": "A VAE", "images": "test", "evaluation": "probe", "figure": "accuracy",
        "unit": "share", "better": "higher", "mean": "0.925", "standard_deviation": first["standard_deviation"],
        "runs": "2", "paper": "0.971", "best": "1",
    }  # fmt: skip
    assert float(first["standard_deviation"]) == pytest.approx(0.05 / 2**0.5)
    assert (second["title"], second["paper"], second["best"]) == (HOSTILE, "", "0")
    assert (third["recipe"], third["mean"], third["runs"], third["best"]) == ("late", "", "0", "0")


def test_no_spreadsheet_computes_a_name(runs: Path) -> None:
    results = {"=cmd()": Result({"@a": 1.0, "-1+1": -2.0})}
    grid = Grid("toys", (Row("a", "+SUM(A1)", (Cell(0, runs / "a", "finished", results=results, facts=FACTS),)),))
    lines = list(csv.DictReader(csv_text(grid, row_titles(grid.rows)).splitlines()))
    assert [(one["title"], one["evaluation"], one["figure"], one["mean"]) for one in lines] == [
        ("'+SUM(A1)", "'=cmd()", "'@a", "1.0"),
        ("'+SUM(A1)", "'=cmd()", "'-1+1", "-2.0"),
    ]


@pytest.mark.parametrize("name", ["[0.5ex] first", "*star"])
def test_a_name_is_no_argument_of_the_line_break_before_it(grid: Grid, name: str) -> None:
    text = latex(view(replace(grid, rows=(*grid.rows, Row(name, "", (Cell(0, Path("x-0"), "not begun"),)))), ""))
    assert not re.search(r"\\\\\s*[\[*]", text)
    assert f"{{}}{name} &" in text
