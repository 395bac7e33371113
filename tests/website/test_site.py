"""The site is built, its links hold, and Chromium shows its pages at two widths, light and dark, and searches in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import browser
from website.tree import ROOT

__all__ = ["browser"]
pytestmark = pytest.mark.slow

SHOWN = (
    "index.html",
    "docs/tutorials/first_run.html",
    "docs/recipes.html",
    "docs/components.html",
    "docs/reference/commands.html",
    "docs/reference/python/semreg.html",
    "docs/reference/hooks.html",
    "docs/atnl.html",
    "docs/explanation/routing.html",
    "docs/gallery.html",
    "benchmarks/results/index.html",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built by the command of `make docs`, which fails where a link leads nowhere."""
    for name in ("zensical", "griffe"):
        pytest.importorskip(name, reason="semreg[docs] is not installed")
    out = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "website", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"site: {out}/site/index.html\n"
    return out / "site"


def opened(browser: Any, width: int, scheme: str) -> tuple[Any, list[str]]:
    """A page of the browser, and what it says that should not be: errors, and requests to anything but files."""
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    told: list[str] = []
    own = ("file:", "data:", "blob:", "about:")
    page.on("request", lambda request: None if request.url.startswith(own) else told.append(request.url))
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    return page, told


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_are_shown_without_errors_and_overflow(browser: Any, site: Path, width: int, scheme: str) -> None:
    page, told = opened(browser, width, scheme)
    for name in SHOWN:
        page.goto((site / name).as_uri())
        page.wait_for_selector("h1")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        wide = "[...document.querySelectorAll('article img')].filter(i => !i.naturalWidth).map(i => i.src)"
        assert page.evaluate(wide) == []
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, colour.strip("rgba()").split(",")[:3])) < 200) == (scheme == "dark")
    assert told == []


def test_search_works_from_files(browser: Any, site: Path) -> None:
    page, told = opened(browser, 1280, "light")
    page.goto((site / "index.html").as_uri())
    page.wait_for_selector("h1")
    page.get_by_role("button", name="Search").first.click()
    page.wait_for_function("document.activeElement.shadowRoot")  # of the search, which then hears the keys
    page.keyboard.type("angular triplet", delay=100)
    found = page.get_by_role("listbox").get_by_text("angular_triplet_neighbor_loss").first
    found.wait_for(timeout=60_000)
    found.click()
    page.wait_for_url("**/docs/reference/python/semreg_atnl.html**")
    assert told == []
