"""The tree's pages as those of the site: links hold, sources and folders are shown, comments are gone."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from website.tree import ROOT, copy_pages, pages, place, rewritten

CONFIGURATION = tomllib.loads((ROOT / "website" / "zensical.toml").read_text())["project"]
MADE = "docs/reference/"
"""Where pages are that are made when the site is built."""


def navigated(entries: Any) -> Iterator[str]:
    """The pages that the navigation names."""
    for entry in entries:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else navigated(value)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    copy_pages(folder)
    return folder


def test_the_navigation_has_every_page_of_docs_and_no_other(copied: Path) -> None:
    named = [page for page in navigated(CONFIGURATION["nav"]) if not page.startswith(MADE)]
    assert len(named) == len(set(named))
    assert [page for page in named if not (copied / page).is_file()] == []
    assert {str(page) for page in pages() if page.parts[0] == "docs"} <= set(named)


def test_what_pages_lead_to_is_there(copied: Path) -> None:
    assert "```python\n" in (copied / "semreg" / "core" / "hookspecs.py.md").read_text().replace("````", "```")
    assert (copied / "benchmarks" / "results" / "index.md").read_text().count("\n* [") > 5
    assert (copied / "docs" / "olr_avatars.png").is_file()


def test_links_lead_to_pages_of_the_site() -> None:
    page = Path("docs/plugins/hook.md")
    text = (
        "[a](../plugin.md#2-the-loss) [b](../../semreg/core/hookspecs.py) [c](../../README.md) [d](../../benchmarks)\n"
        "`[e](x.py)` [f](https://example.org) [g](#here)\n```\n[h](y.toml)\n```\n![i](../face.png)\n"
    )
    assert rewritten(text, page) == (
        "[a](../plugin.md#2-the-loss) [b](../../semreg/core/hookspecs.py.md) [c](../../index.md) "
        "[d](../../benchmarks/index.md)\n"
        "`[e](x.py)` [f](https://example.org) [g](#here)\n```\n[h](y.toml)\n```\n![i](../face.png)\n"
    )
    assert place(Path("README.md")) == Path("index.md")
    assert place(Path(".pre-commit-config.yaml")) == Path("pre-commit-config.yaml.md")


def test_marks_of_figures_are_gone() -> None:
    text = "99.0<!--= percent(a.b, 1) --> %\n\n<!--=\n| a |\n-->\n\n| b |\n"
    assert rewritten(text, Path("docs/atnl.md")) == "99.0 %\n\n| b |\n"


def test_nothing_is_asked_of_other_hosts() -> None:
    assert CONFIGURATION["theme"]["font"] is False
    assert not {"analytics", "site_url", "repo_url"} & {*CONFIGURATION, *CONFIGURATION.get("extra", {})}
    assert "{% block libs %}" in (ROOT / "website" / CONFIGURATION["theme"]["custom_dir"] / "main.html").read_text()
