"""The page of a table in a real browser: sorted by a click, on a desk and on a phone; asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from semreg.tables.grid import Cell, Grid, Row
from semreg.tables.pages import write_table
from tests.report.test_browser import SIZES, browser, opened
from tests.tables.conftest import finished

__all__ = ["browser"]

pytestmark = pytest.mark.slow

LONG = "A description that is as long as a title of a row may be, 60"
EVALUATE = {"probe": {"use": "linear_probe(z, digit)"}}


@pytest.fixture
def written(runs: Path) -> Path:
    """The page of a table of six rows with long titles, one without a figure."""
    accuracies = {"b": [0.5, 0.9], "a": [0.62, 0.64], "e": [0.05, 0.1], "d": [0.1, 0.2], "c": [0.9, 0.95]}
    rows = [
        Row(name, LONG if name == "a" else "", finished(runs, name, values), {"evaluate": EVALUATE, "lr": rate})
        for (name, values), rate in zip(accuracies.items(), (1e-3, 2e-4, 3e-5, 0.1, 10.0), strict=True)
    ]
    rows.append(Row("late", "", (Cell(0, runs / "late-0", "not begun"),), {"evaluate": EVALUATE, "lr": 0.5}))
    folder = runs / "tables" / "toys"
    write_table(Grid("toys", tuple(rows)), folder)
    return folder / "table.html"


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}-{size[1]}")
def page(browser: Any, written: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    with opened(browser, written, request.param) as page:
        yield page


def order(table: Any) -> list[str]:
    """The rows' titles, the long one as A."""
    titles = [text.split("\n")[0] for text in table.locator("tbody th").all_inner_texts()]
    return ["A" if title == LONG else title for title in titles]


def test_a_click_sorts_and_the_third_puts_back(page: Any) -> None:
    table = page.locator("section", has=page.get_by_role("heading", name="probe", exact=True)).locator("table")
    heading = table.locator("thead th").nth(1)
    before = order(table)
    assert before == ["b", "A", "e", "d", "c", "late"]
    for state, expected in (
        ("descending", ["c", "b", "A", "d", "e", "late"]),
        ("ascending", ["e", "d", "A", "b", "c", "late"]),
        (None, before),
    ):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == state
        assert order(table) == expected, "by numbers; what has none is last"
    table.locator("thead button").first.click()
    assert order(table) == ["late", "e", "d", "c", "b", "A"]


def test_what_differs_sorts_by_number(page: Any) -> None:
    table = page.locator("section", has=page.get_by_role("heading", name="Differences between")).locator("table")
    table.get_by_role("button", name="lr").click()
    assert order(table) == ["c", "late", "d", "b", "A", "e"]


def test_nothing_is_wider_than_the_screen_but_tables_that_scroll(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    scroll = page.locator(".scroll").last
    scroll.evaluate("one => one.scrollLeft = 1000")
    assert scroll.locator("tbody th").first.bounding_box()["x"] >= 0, "a row's title stays in sight"
