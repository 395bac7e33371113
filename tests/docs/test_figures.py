"""Figures of the documentation are those that commands left in benchmarks/results/; unmarked ones are debts."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest

from benchmarks.keep import RESULTS
from benchmarks.measure import ROOT
from benchmarks.pages import AWAITED, FIGURE, MARK, PAGES, TABLE, awaited, read_results, written

TABLES = {
    "benchmarks/README.md": 3,
    "docs/data.md": 1,  # how large other people's data sets are
    "docs/scale.md": 2,
}
"""Tables of figures without a mark. They may only become fewer: who marks one lowers its page's number."""
PROSE = {"README.md": 2, "docs/atnl.md": 0, "docs/gm_prior.md": 2, "docs/olr.md": 0, "docs/uniform.md": 18}
"""Likewise figures in the prose of pages that say what was reached; a setting is no figure, and stands in `code`.
Two of the first page's are versions of Python."""
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`|\]\([^)\s]+\)", re.MULTILINE | re.DOTALL)
MEASURED = re.compile(r"(?<![\w.,])[+−-]?(?:\d[\d,]*\.\d+(?![\w.])|\d[\d,]*(?= (?:%|dB|nats|points)))")
"""What has decimals, and is no version, or a unit of what is measured."""


kept = functools.cache(read_results)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def unmarked_tables(text: str) -> list[str]:
    """The headings of tables that wait for a result, or have no mark and in half of their cells or more a number."""
    marks = [mark["template"] for mark in TABLE.finditer(text)]
    found = [mark.partition("\n")[0] for mark in marks if awaited(mark, kept())]
    for table in re.findall(r"(?:^\|.*\n)+", CODE.sub("", TABLE.sub("", text)), re.MULTILINE):
        heading, _, *rows = table.splitlines()
        cells = [cell.strip(" *") for row in rows for cell in row.strip("|").split("|")[1:]]
        figures = [cell for cell in cells if re.match(r"[+−-]?\d", cell) and MARK not in cell]
        if figures and 2 * len(figures) >= len(cells):
            found.append(heading)
    return found


def unmarked_prose(text: str) -> list[str]:
    """The figures outside tables and code that have no mark or wait for a result, with what stands before them."""
    text = FIGURE.sub(lambda mark: "0.0" if mark["shown"] == AWAITED else "", TABLE.sub("", CODE.sub("", text)))
    text = re.sub(r"^\|.*\n", "", text, flags=re.MULTILINE)
    return [text[max(0, found.start() - 30) : found.end()] for found in MEASURED.finditer(text)]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_marked_figures_are_those_that_are_kept(page: Path) -> None:
    text = page.read_text()
    assert written(text, kept(), name(page)) == text, "python -m benchmarks.pages writes it"


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_what_is_kept_says_where_it_is_from(path: Path) -> None:
    about = json.loads(path.read_text())["about"]
    assert all(about[key] for key in ("command", "commit", "machine", "written", "images"))
    assert path.with_suffix(".md").is_file()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_tables_without_evidence_become_fewer(page: Path) -> None:
    found = unmarked_tables(page.read_text())
    assert len(found) == TABLES.get(name(page), 0), found


@pytest.mark.parametrize("page", PROSE)
def test_figures_without_evidence_become_fewer(page: str) -> None:
    found = unmarked_prose((ROOT / page).read_text())
    assert len(found) == PROSE[page], found


def test_what_is_no_evidence_is_found() -> None:
    table = "| of | a |\n| --- | --- |\n| one | 1 |\n"
    marked = "<!--=\n| of | {{ number(NAME.about) }} |\n-->\n\n" + table
    assert unmarked_tables(f"{table}\n{table.replace('1', 'word')}\n{marked.replace('NAME', 'mnist')}") == [
        "| of | a |"
    ]
    assert unmarked_tables(marked.replace("NAME", "unmade")) == ["| of | {{ number(unmade.about) }} |"]
    text = "of `0.1`, 2.14.1, 30 epochs, [a](b-0.1): 1.5, 99 %, −3 dB, 7<!--= mnist -->, ?<!--= new -->, 9,000 points"
    assert [found.rpartition(" ")[2] for found in unmarked_prose(text)] == ["1.5", "99", "−3", "0.0", "9,000"]
