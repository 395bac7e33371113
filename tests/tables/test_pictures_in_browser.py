"""The page of a table in a real browser: pictures side by side, curves, nothing wider than the screen, no request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from semreg.pictures import image_grid
from semreg.tables.grid import Grid
from semreg.tables.pages import write_table
from tests.report.test_browser import SIZES, browser, opened
from tests.tables.conftest import images, stored_row
from tests.tables.pictures.test_overlaid import row

__all__ = ["browser"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of three rows with lines of 14 images, ten lines of samples each, and curves."""
    folder, rows = tmp_path_factory.mktemp("runs"), []
    for seed, name in enumerate(("ae", "vae", "atnl_with_a_long_name_that_breaks")):
        strips = [images(14, 0), images(14, seed + 1)]
        labels = [["", *(f"seen as {place}" for place in range(13))]] * 2
        one = image_grid("Strips", strips, row_labels=["image", "copy"], image_labels=labels)
        samples = image_grid("Samples", [images(10, seed * 10 + k) for k in range(10)], row_labels=list("0123456789"))
        logged = row(folder, name, "rec", "kl", count=50, validated=True)
        rows.append(stored_row(folder, name, one, samples))
        assert rows[-1].cells[0].folder == logged.cells[0].folder
    write_table(Grid("grid", tuple(rows)), folder / "tables")
    return folder / "tables" / "table.html"


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}-{size[1]}")
def page(browser: Any, table: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    with opened(browser, table, request.param) as page:
        yield page


def test_nothing_is_wider_than_the_screen_and_every_image_is_there(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    seen = page.evaluate("[...document.querySelectorAll('.line img')].map(one => [one.naturalWidth, one.offsetWidth])")
    assert len(seen) == 1 + 3 + 3 * 10
    assert all(there and shown > 100 for there, shown in seen)


def test_images_of_the_rows_stand_exactly_beneath_each_other_with_their_labels(page: Any) -> None:
    lefts = (
        "[...document.querySelectorAll('.compared:first-of-type .line img')].map(one => one.getBoundingClientRect())"
    )
    boxes = page.evaluate(f"{lefts}.map(box => [box.left, box.width])")
    assert len({tuple(box) for box in boxes[:4]}) == 1
    [[left, width]] = {tuple(box) for box in boxes[:4]}
    spans = page.evaluate(
        "[...document.querySelector('.compared .line .under').children].map(one => one.getBoundingClientRect())"
        ".map(box => (box.left + box.right) / 2)"
    )
    for place, middle in enumerate(spans):
        assert abs(middle - (left + width * (place + 0.5) / 14)) < 3


def test_curves_have_colours_of_their_rows(page: Any) -> None:
    strokes = page.evaluate(
        "[...document.querySelectorAll('.overlays polyline')].map(one => getComputedStyle(one).stroke)"
    )
    assert len(strokes) == 2 * 3 * 2
    assert len(set(strokes)) == 3
