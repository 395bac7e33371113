"""Figures as tables: directions, units and the best of a column; and words for what a paired test says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from semreg.core import Result
from semreg.tables.blocks import Block, mark_of
from semreg.tables.directions import directions
from semreg.tables.figure_blocks import chance_block, figures_block, verdict
from semreg.tables.grid import Cell, Grid, PairedTests, Row, figure_tables, paired_tests
from semreg.tables.paired import PairedTest
from semreg.tables.view import view
from tests.tables.conftest import FACTS, finished

RECIPE: dict[str, Any] = {"evaluate": {"probe": {"use": "linear_probe(z, digit)"}}}


def block_of(rows: tuple[Row, ...]) -> Block:
    grid = Grid("toys", rows)
    [table] = figure_tables(grid)
    return figures_block(grid, table, {row.name: row.name for row in rows}, directions(rows))


def marked(block: Block, column: int = 1) -> list[str]:
    return [mark_of(line[column]) for line in block.rows]


def test_columns_say_direction_and_unit_and_the_best_is_marked(runs: Path) -> None:
    rows = (
        Row("vae", "", finished(runs, "vae", [0.9, 0.95], 0.99), RECIPE),
        Row("ae", "", finished(runs, "ae", [0.88, 0.93]), RECIPE),
        Row("gan", "", finished(runs, "gan", [0.5]), RECIPE),
        Row("late", "", (Cell(0, runs / "late-0", "not begun"),), RECIPE),
    )
    block = block_of(rows)
    assert list(block.columns) == ["", "accuracy ↑", "paper"]
    assert block.units == {1: "share"}
    assert marked(block) == ["best", "near", "", ""]
    assert block.captions[0] == (
        "Mean ± sample standard deviation over seeds. ↑ higher is better; bold: best of a column; "
        "≈: the difference from the best is at most the larger of the two deviations."
    )
    assert marked(block, 2) == ["", "", "", ""], "the paper's figure is never the best"


def test_nothing_is_best_where_no_direction_is_said_or_the_data_differ(runs: Path) -> None:
    silent = (Row("a", "", finished(runs, "a", [0.9])), Row("b", "", finished(runs, "b", [0.5])))
    block = block_of(silent)
    assert list(block.columns) == ["", "accuracy", "spare"]
    assert (marked(block), dict(block.units), list(block.captions)) == (["", ""], {}, ["One run each."])
    rows = (
        replace(silent[0], recipe=RECIPE),
        Row("b", "", finished(runs, "b", [0.5], fingerprint="other"), RECIPE),
    )
    block = block_of(rows)
    assert marked(block) == ["", ""]
    assert list(block.captions)[1:] == ["No best is marked, since not all rows are on the same data."]


def test_how_good_a_judge_is_stands_under_its_figures(runs: Path) -> None:
    judged = {"probe": "The judge itself: 97 %."}
    cell = Cell(0, runs / "a-0", "finished", results={"probe": Result({"accuracy": 0.5})}, facts=FACTS, judges=judged)
    other = replace(cell, judges={"probe": "Another judge: 90 %."})
    assert "The judge itself: 97 %." in block_of((Row("a", "", (cell,)), Row("b", "", (cell,)))).captions
    captions = block_of((Row("a", "", (cell,)), Row("b", "", (other,)))).captions
    assert list(captions)[1:] == ["a: The judge itself: 97 %.", "b: Another judge: 90 %."]


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ([], ""),
        ([(5, 5, 1.0)], "no"),
        ([(20, 2, 0.001)], "yes, better"),
        ([(2, 20, 0.001), (1, 30, 0.01)], "yes, worse"),
        ([(2, 20, 0.001), (9, 12, 0.2)], "yes, worse in 1 of 2 seeds"),
        ([(2, 20, 0.001), (20, 2, 0.001), (5, 5, 1.0)], "yes, better in 1 of 3 seeds, worse in 1 of 3 seeds"),
        ([(20, 10, 0.05)], "no"),
    ],
)
def test_a_difference_is_more_than_chance_or_not(tests: list[tuple[int, int, float]], said: str) -> None:
    row = Row("a", "", ())
    assert verdict(PairedTests("accuracy", row, row, {k: PairedTest(*test) for k, test in enumerate(tests)})) == said


def test_all_paired_tests_stand_in_one_table(runs: Path) -> None:
    rows = (Row("vae", "", finished(runs, "vae", [0.9])), Row("gan", "", finished(runs, "gan", [0.25])))
    grid = Grid("toys", rows)
    [table] = figure_tables(grid)
    block = chance_block({"probe": paired_tests(grid, table)}, {"vae": "A VAE", "gan": "A GAN"})
    assert block.title == "Is the difference more than chance?"
    assert "two-sided, on the test images" in block.captions[0]
    judged = replace(grid, judged_on="validation")
    [caption] = next(one.captions for one in view(judged, "").blocks if one.title == block.title)
    assert "two-sided, on the validation images" in caption
    assert [list(line) for line in block.rows] == [
        ["A GAN", "probe.accuracy", "A VAE", "yes, worse", "0.00024", "0", "13"]
    ]
