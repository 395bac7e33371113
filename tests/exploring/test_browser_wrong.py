"""The page of a run in a real browser, where something is wrong: names, images, the server, the run, the data."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import semreg
from semreg.exploring.map import CodeMap
from semreg.exploring.server import Server
from semreg.exploring.view import Explorer
from semreg.trained import Run
from semreg.trained.panels import Choice, Panel, Slider, Strip
from tests.browsing import browser
from tests.cli.test_explore import served
from tests.exploring.test_browser import drawn, move, open_panel, opened, wait, wait_for_change

pytestmark = pytest.mark.slow

__all__ = ["browser"]


def test_an_image_of_ones_own_is_taken_or_refused_in_words(server: Server, browser: Any, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "white").save(tmp_path / "white.png")
    (tmp_path / "text.png").write_text("no image")
    with opened(browser, server.address) as page:
        open_panel(page, "directions")
        before = drawn(page)
        page.locator(".slot input[type=file]").set_input_files(tmp_path / "white.png")
        before = wait_for_change(page, before)
        assert "image1=png%3A" in page.url
        page.locator(".slot input[type=file]").set_input_files(tmp_path / "text.png")
        page.wait_for_selector("#wrong:visible")
        assert page.locator("#wrong").inner_text().startswith("text.png: not a readable image")
        assert drawn(page) == before
        page.evaluate("""() => {
          const data = new DataTransfer();
          data.items.add(new File(["x"], "<img src=x onerror=alert(1)>.png"));
          document.querySelector(".slot").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
        }""")
        wait(page, "document.querySelector('#wrong').textContent.startsWith('<img src=x')")


def test_hostile_names_are_texts(explorer: Explorer, browser: Any) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>'\""

    def strips(seen: object, values: object) -> list[Strip]:
        return [Strip(evil, images=explorer.read_tests([0, 1]), labels=[evil, evil])]

    panel = Panel(evil, evil, strips, [Slider(evil, 0, 1), Choice(f"{evil} 2", (evil, "b"), evil)])
    explorer.panels = {"evil": panel}
    explorer.left_out = {"other": evil}
    server = Server(explorer)
    server.start()
    try:
        with opened(browser, server.address) as page:
            drawn(page)
            for place in ("#about", "#strips h3", "#controls .control span", "#left_out"):
                assert evil in page.locator(place).first.inner_text()
            assert page.locator("main img, main script").count() == 0
            move(page, page.locator("#controls .control").first)
            page.reload()
            drawn(page)
    finally:
        server.close()


def test_names_may_be_those_that_all_objects_have(explorer: Explorer, browser: Any) -> None:
    names = ("constructor", "__proto__", "toString")

    def strips(seen: object, values: Any) -> list[Strip]:
        return [Strip(images=explorer.read_tests([round(values[name]) for name in names]))]

    explorer.panels = {"names": Panel("Names", "", strips, [Slider(name, 0, 9, 1) for name in names], images=0)}
    server = Server(explorer)
    server.start()
    try:
        with opened(browser, server.address) as page:
            before = drawn(page)
            assert page.locator("#controls output").all_inner_texts() == ["1", "1", "1"]
            for place in range(3):
                page.locator("#controls input").nth(place).fill(str(place + 2))
                before = wait_for_change(page, before)
            address = page.url
        with opened(browser, address) as page:
            assert drawn(page) == before
            assert page.locator("#controls output").all_inner_texts() == ["2", "3", "4"]
    finally:
        server.close()


def test_a_legend_of_very_many_names_ends(explorer: Explorer, browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def many(run: Run, code: str, colour: str) -> CodeMap:
        return CodeMap(torch.rand(100, 3) * 2 - 1, torch.arange(100), tuple(f"person {place}" for place in range(100)))

    monkeypatch.setattr("semreg.exploring.answers.map_of", many)
    server = Server(explorer)
    server.start()
    try:
        with opened(browser, f"{server.address}#panel=map&rectangle=0,0,1,1&on=z") as page:
            wait(page, "document.querySelector('#legend').textContent !== ''")
            assert page.locator("#legend").inner_text().endswith("and 70 more")
            assert page.locator("#chosen").inner_text().endswith("and of 70 more")
    finally:
        server.close()


def test_a_server_that_was_killed_is_said(folder: Path, browser: Any) -> None:
    with served(folder) as process:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("page: ").strip()
        with opened(browser, address) as page:
            open_panel(page, "samples")
            drawn(page)
            process.send_signal(signal.SIGKILL)
            page.wait_for_selector("#lost:visible", timeout=10_000)
            assert "The server has ended" in page.locator("#lost").inner_text()


def test_a_run_that_was_deleted_is_said_once(folder: Path, browser: Any, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    server = semreg.explore(copy, open_page=False, device="cpu")
    try:
        with opened(browser, server.address) as page:
            open_panel(page, "samples")
            drawn(page)
            shutil.rmtree(copy)
            page.wait_for_selector("#lost:visible", timeout=10_000)
            move(page, page.locator("#controls .control").first)
            page.wait_for_timeout(300)
            assert page.locator("#lost").inner_text() == f"the run's folder is gone: {copy}"
            assert not page.locator("#wrong").is_visible()
    finally:
        server.close()


def test_without_test_images_ones_own_will_do(explorer: Explorer, browser: Any, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "white").save(tmp_path / "white.png")
    explorer.tests = 0
    server = Server(explorer)
    server.start()
    try:
        with opened(browser, f"{server.address}#panel=order") as page:
            assert page.locator('#panels button[data-name="map"]').count() == 0
            page.wait_for_selector("#wrong:visible")
            assert page.locator("#wrong").inner_text() == "Choose an image, or drop one."
            assert not page.locator("#tests").is_visible()
            page.locator(".slot input[type=file]").set_input_files(tmp_path / "white.png")
            before = drawn(page)
            move(page, page.locator("#controls .control").first)
            wait_for_change(page, before)
    finally:
        server.close()
