"""Components by what they say of themselves, read from their sources."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from semreg.cli.searching import search, table
from semreg.core import UserError
from semreg.core.registry import Component, components

Command = Callable[..., tuple[int, str]]


def names(text: str, kind: str | None = None) -> list[tuple[str, str]]:
    return [(match.component.name, match.place) for match in search(components(kind), text)]


def test_names_come_before_first_lines_and_these_before_texts() -> None:
    found = names("total correlation")
    assert found[:2] == [("total_correlation", "name"), ("log_density_ratio", "first line")]
    places = [place for _, place in names("great circle")]
    assert places == sorted(places, key=["name", "first line", "text"].index)
    assert ("spherical", "first line") in names("great circle")


def test_upper_case_and_what_joins_words_make_no_difference() -> None:
    for spelling in ("KL divergence", "kl-divergence", "kl_divergence"):
        assert names(spelling, "loss")[0] == ("kl_divergence", "name")


def test_the_sentence_that_has_the_words_is_shown() -> None:
    [match] = search(components("interpolator"), "shorter way the ascending one")
    assert (match.component.name, match.place) == ("geodesic", "text")
    assert match.line.startswith("On a ring the path goes the shorter way")
    assert match.line in table([match])


def test_what_nothing_speaks_of_is_told_with_what_is_near() -> None:
    with pytest.raises(
        UserError,
        match=r"no component's name or documentation has 'total_corelation'; did you mean 'total_correlation'",
    ):
        search(components(), "total_corelation")
    with pytest.raises(UserError, match="' - ' has no word to search for"):
        search(components(), " - ")


def test_sources_that_are_not_there_leave_the_name() -> None:
    lost = Component("loss", "lost_cause", "gone", "1", "no_such_package.module:lost")
    assert [(one.place, one.line) for one in search([lost], "cause")] == [("name", "")]


def test_the_command_searches_a_kind_and_lists_as_json(refused_or_done: Command) -> None:
    code, shown = refused_or_done("list", "loss", "--search", "total correlation")
    assert code == 0
    assert shown.splitlines()[0].split() == ["kind", "name", "from", "found", "in", "what", "it", "says"]
    assert shown.splitlines()[1].split()[:2] == ["loss", "total_correlation"]
    code, shown = refused_or_done("list", "--search", "total correlation", "--json")
    assert code == 0
    assert '"total_correlation"' in shown
    code, shown = refused_or_done("list", "--search", "gibberisch")
    assert code == 2
    assert "no component's name or documentation has 'gibberisch'" in shown


def test_nothing_is_imported() -> None:
    program = (
        "import sys\nfrom semreg.cli.searching import search\nfrom semreg.core.registry import components\n"
        "search(components(), 'adam')\nsys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
