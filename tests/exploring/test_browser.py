"""The page of a run in a real browser: every panel opened, moved and seen to change; and what may go wrong with it.

A request to any other host fails the test. It wants the extra `browser` and a Chromium, as tests/browsing.py says.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import semreg
from semreg.exploring.server import Server
from semreg.exploring.view import Explorer
from semreg.trained import Run
from tests.browsing import browser
from tests.test_uses import unevaluated

pytestmark = pytest.mark.slow

__all__ = ["browser"]

SIZES = [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")]
PANELS = {
    "atnl_gm_mnist": {"mixture", "order", "directions", "exchange", "paths", "samples", "inpainting", "map"},
    "olr_celeba": {"rows", "directions", "paths", "inpainting", "map"},
    "uniform_multipie": {"directions", "exchange", "paths", "inpainting", "map"},
    "conditional/cvae": {"order", "directions", "paths", "samples", "inpainting", "map"},
}
DRAWN = "[...document.querySelectorAll('#strips canvas')].map(one => one.toDataURL()).join()"


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """`family("olr_celeba")` is the server of a shrunk run of that family; the same each time."""
    servers: dict[str, Server] = {}
    root = tmp_path_factory.mktemp("families")

    def server(name: str) -> Server:
        if name not in servers:
            run = semreg.run(unevaluated(name), out=root / "runs", data_root=root / "data", device="cpu")
            _stir(run)
            servers[name] = semreg.explore(run, open_page=False)
        return servers[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMREG_CACHE", str(root / "cache"))
        yield server
    for one in servers.values():
        one.close()


def _stir(run: Run) -> None:
    """Networks that were hardly trained show hardly anything of their codes; of random ones each code shows."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in run.modules.values():
            for weight in module.parameters():
                weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.2)


@contextlib.contextmanager
def opened(browser: Any, address: str, size: tuple[int, str] = SIZES[0]) -> Iterator[Any]:
    """The page before a reader, who sees no error, and whose browser asks nobody else."""
    width, scheme = size
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: (errors.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    page.wait_for_selector("#panels button")
    yield page
    context.close()
    assert errors == []
    own = address.partition("#")[0]
    assert [url for url in asked if not url.startswith((own, "data:", f"blob:{own[:20]}"))] == []


def wait(page: Any, expression: str, arg: object = None, seconds: float = 15) -> None:
    """Wait until an expression holds; Playwright's own way to wait evaluates texts in the page, which forbids it."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression, arg):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(50)


def open_panel(page: Any, name: str) -> None:
    page.locator(f'#panels button[data-name="{name}"]').click()


def drawn(page: Any) -> str:
    """What the pictures of the panel that is open show, once they stand still."""
    wait(page, "document.querySelector('#strips canvas')?.width > 0")
    before, now = None, page.evaluate(DRAWN)
    while before != now:
        page.wait_for_timeout(400)
        before, now = now, page.evaluate(DRAWN)
    return str(now)


def wait_for_change(page: Any, before: str) -> str:
    wait(page, f"before => {DRAWN} !== before", before)
    return drawn(page)


def move(page: Any, control: Any) -> bool:
    """Put a control elsewhere; whether it could be."""
    if control.locator("input").count():
        low, high, now = map(float, control.locator("input").evaluate("one => [one.min, one.max, one.value]"))
        control.locator("input").evaluate(
            "(one, value) => { one.value = value; one.dispatchEvent(new Event('input')); }",
            str(max((low + share * (high - low) for share in (0.25, 0.75)), key=lambda place: abs(place - now))),
        )
        return True
    if control.locator("select").count():
        options = control.locator("option").all_inner_texts()
        now = control.locator("select").input_value()
        control.locator("select").select_option([option for option in options if option != now][-1])
        return True
    return False


def paint(page: Any) -> None:
    box = page.locator("canvas.mask").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.6, steps=4)
    page.mouse.up()


@pytest.mark.parametrize("name", PANELS)
def test_every_panel_opens_moves_and_changes(name: str, family: Callable[[str], Server], browser: Any) -> None:
    with opened(browser, family(name).address) as page:
        tabs = {tab.get_attribute("data-name") for tab in page.locator("#panels button").all()}
        assert tabs == PANELS[name]
        for panel in sorted(tabs - {"map"}):
            open_panel(page, panel)
            before = drawn(page)
            if panel == "inpainting":
                page.wait_for_selector("canvas.mask")
                paint(page)
                wait_for_change(page, before)
                continue
            for control in page.locator("#controls .control").all()[:3]:
                if not move(page, control):
                    continue
                if "draw" in (control.get_attribute("data-name") or ""):
                    continue  # which shows only on the way to a draw
                before = wait_for_change(page, before)
            if page.locator(".slot").count() == 2:
                page.locator("#tests .thumbs button").nth(5).click()
                wait_for_change(page, before)
            assert not page.locator("#wrong").is_visible()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}-{size[1]}")
def test_nothing_is_wider_than_the_page_and_dark_is_dark(
    size: tuple[int, str], family: Callable[[str], Server], browser: Any
) -> None:
    with opened(browser, family("olr_celeba").address, size) as page:
        for panel in sorted(PANELS["olr_celeba"]):
            open_panel(page, panel)
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), panel
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (max(map(int, colour[4:-1].split(","))) < 60) == (size[1] == "dark")


def test_an_address_restores_its_view(server: Server, browser: Any) -> None:
    with opened(browser, server.address) as page:
        seen = {}
        for panel in ("directions", "paths", "exchange", "samples", "inpainting"):
            open_panel(page, panel)
            before = drawn(page)
            if panel == "inpainting":
                paint(page)
            else:
                move(page, page.locator("#controls .control").first)
            seen[page.url] = wait_for_change(page, before)
        assert len(seen) == 5
    for address, pictures in seen.items():
        with opened(browser, address) as page:
            assert drawn(page) == pictures


def test_two_tabs_show_what_each_asked_for(server: Server, browser: Any) -> None:
    with opened(browser, server.address) as first, opened(browser, server.address) as second:
        for page, value in ((first, "-3"), (second, "3")):
            open_panel(page, "directions")
            drawn(page)
            page.locator("#controls input").first.fill(value)
        shown = [drawn(page) for page in (first, second)]
        assert shown[0] != shown[1]
    for value, expected in zip(("-3", "3"), shown, strict=True):
        address = f"{server.address}#panel=directions&image1=test:0&v.z%3A+1={value}"
        with opened(browser, address) as page:
            assert drawn(page) == expected


def test_the_newest_wins(server: Server, browser: Any) -> None:
    with opened(browser, server.address) as page:
        open_panel(page, "directions")
        drawn(page)
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url))
        page.evaluate("""() => {
          const replace = history.replaceState.bind(history);
          globalThis.written = 0;
          history.replaceState = (...given) => { written++; replace(...given); };
          const slider = document.querySelector("#controls input");
          for (let step = 0; step <= 100; step++) {
            slider.value = -3 + step * 0.05;
            slider.dispatchEvent(new Event("input"));
          }
        }""")
        page.wait_for_timeout(300)
        shown = drawn(page)
        assert 1 <= len([url for url in asked if url.endswith("/decode")]) <= 3
        assert page.evaluate("written") == 1, "browsers forbid hundreds of them"
        assert "v.z%3A+1=2" in page.url
    with opened(browser, f"{server.address}#panel=directions&image1=test:0&v.z%3A+1=2") as page:
        assert drawn(page) == shown


def test_the_map_tells_turns_and_chooses(server: Server, browser: Any) -> None:
    with opened(browser, f"{server.address}#panel=map") as page:
        canvas = page.locator("#points")
        wait(page, "document.querySelector('#points').dataset.drawn > 0")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        x, y = page.evaluate("[seen[0].x / side, seen[0].y / side]")
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        wait(page, "document.querySelector('#tip canvas').width === 8")
        assert "test image" in page.locator("#tip").inner_text()
        page.locator("#brush").check()
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] - 5, steps=4)
        page.mouse.up()
        chosen = page.locator("#chosen").inner_text()
        assert 0 < int(chosen.split(" images")[0]) < 359
        assert page.locator("#brushed button").count() > 0
        page.locator("#dimensions").select_option("3")
        page.wait_for_timeout(200)
        before = canvas.evaluate("one => one.toDataURL()")
        canvas.focus()
        page.keyboard.press("ArrowRight")
        assert canvas.evaluate("one => one.toDataURL()") != before
        assert page.locator("#chosen").inner_text() == chosen
        page.locator("#code").select_option("w")
        wait(page, "points.key.startsWith('w')")
        assert page.locator("#chosen").inner_text() == chosen
        page.wait_for_timeout(300)
        address = page.url
        page.locator("#brushed button").first.click()
        assert "panel=map" not in page.url
    with opened(browser, address) as page:
        wait(page, "document.querySelector('#chosen').textContent !== ''")
        assert page.locator("#chosen").inner_text() == chosen
        assert page.locator("#code").input_value() == "w"


def test_pictures_are_saved_and_told_as_python(server: Server, browser: Any, tmp_path: Path) -> None:
    with opened(browser, server.address) as page:
        for panel, frames in (("paths", 9), ("directions", 24)):
            open_panel(page, panel)
            drawn(page)
            for kind in ("png", "gif"):
                with page.expect_download() as saved:
                    page.locator(f"#{kind}").click()
                saved.value.save_as(tmp_path / f"picture.{kind}")
                with Image.open(tmp_path / f"picture.{kind}") as image:
                    assert getattr(image, "n_frames", 1) == (frames if kind == "gif" else 1)
        page.locator("#python").click()
        page.wait_for_selector("#lines:visible")
        assert "semreg.open_run(" in page.locator("#lines pre").inner_text()


def test_a_page_that_was_written_asks_nobody(explorer: Explorer, browser: Any, tmp_path: Path) -> None:
    from semreg.exploring.start import write_page

    write_page(explorer.run, tmp_path / "page.html", images=2)
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector(".walk input")
    canvas = page.locator(".walk canvas").first
    before = canvas.evaluate("one => one.toDataURL()")
    page.locator(".walk input").first.fill("4")
    assert canvas.evaluate("one => one.toDataURL()") != before
    assert page.locator("canvas[data-points]").count() == 2
    points = page.locator("canvas[data-points]").first
    points.scroll_into_view_if_needed()
    points.evaluate("""one => {
      const box = one.getBoundingClientRect(), said = document.querySelector("body > .tip");
      for (let x = 0; x < box.width && !said.querySelector("canvas"); x += 3) for (let y = 0; y < box.height; y += 3) {
        one.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + x, clientY: box.top + y }));
        if (said.querySelector("canvas")) break;
      }
    }""")
    shown = page.locator(".tip canvas").evaluate(
        "one => [one.width, one.height, Math.max(...one.getContext('2d').getImageData(0, 0, 8, 8).data)]"
    )
    assert shown == [8, 8, 255]
    context.close()
    assert errors == []
    assert [url for url in asked if not url.startswith("data:")] == [(tmp_path / "page.html").as_uri()]
