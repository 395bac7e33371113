"""What comparisons left beside their figures: their tables beneath each other, and their pictures."""

from __future__ import annotations

import math

import torch

from semreg.core import Result, Table
from semreg.pictures import image_grid
from semreg.tables.blocks import Text
from semreg.tables.comparison_blocks import compared_blocks, compared_pictures
from semreg.tables.grid import TOGETHER, Compared, Grid, Row

PICTURE = image_grid("Means", [torch.zeros(1, 1, 2, 2)])
TITLES = {"vae": "A VAE", "ae": "An AE", TOGETHER: TOGETHER}


def grid(*results: Result, across: Result | None = None) -> Grid:
    rows = tuple(
        Row(name, "", (), compared={"apart": Compared(2, result)})
        for name, result in zip(("vae", "ae"), results, strict=False)
    )
    return Grid("toys", rows, across={} if across is None else {"all": Compared(4, across)})


def test_tables_with_one_head_are_one_table() -> None:
    tables = [Table("Each", ["run", "mean"], [["seed 0", value], ["seed 1", 2]], "Means.") for value in (0.5, 0.25)]
    shown = grid(*(Result(tables=[table]) for table in tables))
    [block] = compared_blocks(shown, TITLES)
    assert (block.title, block.columns, block.captions) == ("apart: Each", ["", "run", "mean"], ["Means."])
    assert block.rows == [
        ["A VAE", "seed 0", "0.500"],
        ["A VAE", "seed 1", "2"],
        ["An AE", "seed 0", "0.250"],
        ["An AE", "seed 1", "2"],
    ]
    assert [block.right(place) for place in range(3)] == [False, False, True]
    assert [line[2].value for line in block.rows if isinstance(line[2], Text)] == [0.5, 2.0, 0.25, 2.0]


def test_tables_with_different_heads_are_apart_and_their_rows_as_wide_as_these() -> None:
    first = Table("Each", ["run", "mean"], [["a", math.nan], ["b", 1, 2], ["c"]])
    other = Table("Each", ["run"], [["d"]])
    one, two = compared_blocks(grid(Result(tables=[first]), Result(tables=[other])), TITLES)
    assert one.rows == [["A VAE", "a", "–"], ["A VAE", "b", "1"], ["A VAE", "c", "–"]]
    assert two.rows == [["An AE", "d"]]
    assert [text.value for _, _, text in one.rows if isinstance(text, Text)] == [None, 1.0, None]


def test_pictures_have_files_of_their_own() -> None:
    result = Result(pictures=[PICTURE, PICTURE])
    found = compared_pictures(grid(result, result, across=result), TITLES)
    assert len(found) == 6
    assert {picture.title for picture in found.values()} == {
        "apart, A VAE: Means",
        "apart, An AE: Means",
        "all, all rows: Means",
    }
