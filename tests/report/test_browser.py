"""The report in a real browser: what a reader sees first, moves, enlarges and points at, on a desk and on a phone.

It wants the extra `browser` and a Chromium: `chromium` on the path, or what SEMREG_CHROMIUM names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.core import Result, Scatter
from semreg.pictures import image_grid
from semreg.report.writing import write_report
from tests.browsing import browser
from tests.conftest import write_fake_result, write_fake_run
from tests.report.test_watched import watch

pytestmark = pytest.mark.slow

__all__ = ["browser"]

HEIGHT = 800
SIZES = [(width, scheme) for width in (1280, 400) for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a made run with a walk, points in space, watched pictures and a fallback."""
    folder = write_fake_run(tmp_path_factory.mktemp("runs") / "olr_celeba-3f9c1a")
    images = torch.linspace(0, 1, 5)[:, None, None, None].expand(5, 1, 16, 16)
    labels = [[f"seen as {place}" for place in range(5)]] * 2
    walk = image_grid("From dark to bright", [images, 1 - images], row_labels=["there", "back"], image_labels=labels)
    write_fake_result(folder, "strip", Result(pictures=[walk]))
    points = [[-1.0, -1.0, 0.0], [1.0, 1.0, 0.0]]
    write_fake_result(folder, "tsne", Result(scatters=[Scatter("Space", points, [0, 1], ["cats", "dogs"])]))
    watch(folder, 1, 2, 3)
    return write_report(folder)


@contextlib.contextmanager
def opened(browser: Any, file: Path, size: tuple[int, str]) -> Iterator[Any]:
    """A page as it stands before a reader, who sees no error, and whose browser asks nobody for anything."""
    width, scheme = size
    context = browser.new_context(viewport={"width": width, "height": HEIGHT}, color_scheme=scheme)
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert errors == []
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}-{size[1]}")
def page(browser: Any, report: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    with opened(browser, report, request.param) as page:
        page.wait_for_selector(".walk input")
        yield page


def test_the_first_screen_holds_pictures_and_nothing_is_wider_than_it(page: Any) -> None:
    assert page.locator(".tile canvas").first.bounding_box()["y"] < HEIGHT - 100
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_is_dark_where_the_reader_wants_it_dark(page: Any) -> None:
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, colour[4:-1].split(","))) < 60) == dark


def test_a_slider_that_is_moved_changes_the_picture(page: Any) -> None:
    figure = page.locator("figure[data-walk]", has=page.get_by_text("From dark to bright", exact=True)).first
    seen, canvas = [], figure.locator("canvas").first
    for place in range(5):
        figure.locator("input").fill(str(place))
        assert figure.locator("output").inner_text() == f"{place + 1} of 5"
        assert figure.locator(".tile span").first.inner_text() == f"seen as {place}"
        seen.append(canvas.evaluate("one => one.getContext('2d').getImageData(8, 8, 1, 1).data[0]"))
    assert seen == pytest.approx([0, 64, 128, 191, 255], abs=1)


def test_what_a_watched_run_made_is_walked_through_by_epoch(page: Any) -> None:
    course = page.locator(".course")
    assert course.locator("figure:visible").count() == 1
    course.locator("input").fill("2")
    assert course.locator("output").inner_text() == "after epoch 3"


def test_a_picture_enlarges_and_can_be_saved(page: Any) -> None:
    page.locator("figure img").first.click()
    assert page.locator("dialog img").is_visible()
    with page.expect_download() as saved:
        page.locator("dialog a").click()
    assert saved.value.suggested_filename.endswith(".png")
    page.get_by_text("Close").click()
    assert not page.locator("dialog img").is_visible()


def test_curves_tell_values_and_change_axis_and_smoothness(page: Any) -> None:
    controls, chart = page.locator(".controls").nth(0), page.locator(".chart").nth(0)
    drawing = chart.locator("svg:visible")
    drawing.scroll_into_view_if_needed()
    drawing.hover()
    assert "iteration" in page.locator(".tip").inner_text()
    assert "training 0." in page.locator(".tip").inner_text()
    for axis in ("linear", "logarithmic"):
        controls.locator("select").select_option(axis)
        assert drawing.get_attribute("data-axis") == axis
    line = drawing.locator("polyline.train:not(.raw)")
    before = line.get_attribute("points")
    controls.locator("input").fill("0.9")
    assert line.get_attribute("points") != before
    controls.locator("input").fill("0")
    assert drawing.locator(".raw").count() == 0


def test_points_in_space_tell_their_class(page: Any) -> None:
    canvas = page.locator("canvas[data-points]")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert _at_the_points(page, box) == {"cats", "dogs"}


def _at_the_points(page: Any, box: Any) -> set[str]:
    """What is told where the two points are drawn, which the canvas's own pixels say."""
    places = page.locator("canvas[data-points]").evaluate("""canvas => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), found = [];
      for (let at = 3; at < data.length; at += 4) if (data[at] > 60) {
        const pixel = (at - 3) / 4;
        found.push([pixel % canvas.width / canvas.width, Math.floor(pixel / canvas.width) / canvas.height]);
      }
      return [found[0], found[found.length - 1]];
    }""")
    told = set()
    for x, y in places:
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        told.add(page.locator(".tip").inner_text())
    return told
