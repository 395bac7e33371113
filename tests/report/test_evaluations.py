"""What evaluations say of themselves, as the page tells it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.report.evaluations import About, about

SOURCE = '''
def toy(code):
    """How far `code` is from a toy (Eq. 3). More of it.

    Source: Doe, *Toys* (2020).
    """

toy.better = {"far*": "lower", "near": "higher", "odd": 3}
toy.units = {"far_off": "m", "far*": "km", "odd": 3, 3: "odd"}
'''


def test_a_sentence_a_source_and_directions_are_the_evaluations_own(install: Callable[..., Path]) -> None:
    install("semreg-toy", {"semreg.evaluations": {"toy_far": "toy_told:toy"}}, toy_told=SOURCE)
    told = about({"use": "toy_far(z)"})
    assert (told.measures, told.source) == ("How far `code` is from a toy (Eq. 3).", "Doe, *Toys* (2020).")
    assert [told.arrow(figure) for figure in ("far_off", "near", "odd", "else")] == ["↓", "↑", "", ""]
    assert [told.unit(figure) for figure in ("far_off", "far", "near", "odd")] == ["m", "km", "", ""]
    assert told.direction(["else", "near"]) == "Higher (↑) is better."
    assert told.direction(["far", "near"]) == "Higher (↑) or lower (↓) is better."
    assert told.direction(["else"]) == ""


@pytest.mark.parametrize("table", [None, {}, {"use": 3}, {"use": "not_installed(z)"}, {"use": "toy_broken"}, "text"])
def test_of_what_cannot_be_had_nothing_is_said(install: Callable[..., Path], table: Any) -> None:
    install("semreg-toy", {"semreg.evaluations": {"toy_broken": "toy_broken:toy"}}, toy_broken="1 / 0")
    assert about(table) == About()


def test_the_standard_ones_say_which_way_is_good() -> None:
    assert about({"use": "linear_probe"}).arrow("accuracy") == "↑"
    assert about({"use": "fid(a, b)"}).arrow("distance_judge") == "↓"
    assert about({"use": "linear_probe"}).unit("accuracy") == "share"
