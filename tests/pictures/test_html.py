"""Results as HTML: escaped, bounded, and with the texts of tables as in reports."""

from __future__ import annotations

import base64
import io
import math
import re

import numpy as np
from PIL import Image

from semreg.core import Picture, Result, Table
from semreg.pictures import png
from semreg.pictures.html import (
    MOST_BYTES,
    MOST_ROWS,
    cells,
    figures_html,
    page_width,
    pictures_html,
    result_html,
    table_html,
)

HOSTILE = "<script>alert(1)</script>"


def noise(side: int) -> bytes:
    """A PNG that can't be made smaller."""
    return png(np.random.default_rng(0).random((3, side, side)), (0, 1))


def test_a_picture_has_the_pixels_of_a_page() -> None:
    shown = re.search(r'src="data:image/png;base64,([^"]*)"', pictures_html([Picture("p", noise(40))]))
    assert shown is not None
    assert Image.open(io.BytesIO(base64.b64decode(shown[1]))).size == (20, 20)


def test_all_of_a_result_is_shown_and_escaped() -> None:
    result = Result(
        {HOSTILE: 0.5, "b": math.nan},
        paper={"b": 0.25},
        tables=[Table(HOSTILE, [HOSTILE], [[HOSTILE]], HOSTILE)],
        pictures=[Picture(f'"{HOSTILE}', noise(8), HOSTILE)],
        summary=HOSTILE,
    )
    html = result_html(result)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 9
    assert "<td>b</td><td>–</td><td>0.25</td>" in html


def test_long_tables_and_many_pictures_are_cut_and_it_is_said() -> None:
    html = table_html(["k"], [[str(k)] for k in range(MOST_ROWS + 5)])
    assert html.count("<td>") == MOST_ROWS
    assert "and 5 more rows" in html
    large = Picture("p", noise(400))
    assert len(large.png) > 3 * MOST_BYTES
    html = pictures_html([large, large, large])
    assert html.count("<img") == 1
    assert "and 2 more pictures" in html
    assert pictures_html([]) == figures_html({"probe": Result()}) == ""


def test_figures_of_evaluations_carry_their_names() -> None:
    html = figures_html({"probe": Result({"accuracy": 0.5})})
    assert "<td>probe.accuracy</td><td>0.5</td>" in html
    assert "paper" not in html


def test_cells_of_a_column_have_as_many_decimals() -> None:
    assert cells(Table("t", ["a", "b"], [[0.5, None], [0.12345, "x"]])) == [["0.500", "–"], ["0.123", "x"]]


def test_a_picture_is_as_wide_as_half_its_pixels_and_no_png_as_a_guess() -> None:
    header = b"\x89PNG\r\n\x1a\n" + bytes(8) + (400).to_bytes(4, "big") + bytes(8)
    assert page_width(Picture("p", header)) == 200
    assert page_width(Picture("p", b"GIF")) == 600
