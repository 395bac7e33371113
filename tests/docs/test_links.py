"""What the documentation points to is there: files, headings, recipes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT

ALL = [*PAGES, *sorted((ROOT / "benchmarks").glob("*.md"))]
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
RECIPE = re.compile(r"\brecipes/[\w./*]+\.toml\b")


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ +(.+)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """The links of a page to files and headings that are not there."""
    found = []
    for target in LINK.findall(CODE.sub("", page.read_text())):
        path, _, anchor = target.partition("#")
        to = page.parent / path if path else page
        if target.startswith(("https://", "http://")):
            continue
        if not to.exists() or (anchor and anchor not in anchors(to)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    assert broken(page) == []


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(ROOT)))
def test_recipes_that_are_named_exist(page: Path) -> None:
    named = set(RECIPE.findall(page.read_text()))
    assert [name for name in sorted(named) if not any(ROOT.glob(name))] == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Two words: `code`, too\n```\n# no heading\n```\n")
    links = {"other.md#two-words-code-too", "other.md", "#here", "https://example.org/x#y"}
    wrong = ["missing.md", "other.md#no-heading", "#nowhere", "missing.png"]
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n" + " ".join(f"[text]({link})" for link in [*links, *wrong[:3]]) + "![picture](missing.png)"
    )
    assert broken(page) == wrong
    page.write_text("`[a](missing.md)`\n```\n[a](missing.md)\n```\n")
    assert broken(page) == []
