"""Lines of images of several rows: what all have is there once, and what is compared is close together."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semreg.core import Picture, UserError
from semreg.store.results import PNG
from semreg.tables.grid import Cell, Row
from semreg.tables.pictures.grouping import Group, figures, grouped, stand_beside
from tests.tables.conftest import stored_row


class Line(NamedTuple):
    name: str
    digest: str


def lines(*said: str) -> list[Line]:
    """Such as `image=x`, where images are what stands behind."""
    return [Line(*one.split("=")) for one in said]


def told(groups: list[Group[Line]]) -> dict[str, list[str]]:
    assert len({group.title for group in groups}) == len(groups)
    return {group.title: [f"{label}={line.digest}" for label, line in group.lines] for group in groups}


def test_originals_are_there_once_and_each_row_has_a_line_below() -> None:
    rows = {"AE": lines("image=0", "copy=1"), "VAE": lines("image=0", "copy=2"), "GM": lines("image=0", "copy=3")}
    assert told(grouped(rows)) == {"": ["image=0", "AE=1", "VAE=2", "GM=3"]}


def test_lines_of_other_names_are_told_apart() -> None:
    assert told(grouped({"AE": lines("linear=1"), "ATNL": lines("spherical=2"), "X": lines("=3")})) == {
        "": ["AE, linear=1", "ATNL, spherical=2", "X=3"]
    }


def test_few_lines_of_the_same_names_are_compared_line_by_line_below_what_they_share() -> None:
    rows = {
        "AE": lines("image=0", "left=l", "left filled=1", "right=r", "right filled=2", "image=0"),
        "VAE": lines("image=0", "left=l", "left filled=3", "right=r", "right filled=4", "image=0"),
    }
    assert told(grouped(rows)) == {
        "left filled": ["image=0", "left=l", "AE=1", "VAE=3"],
        "right filled": ["right=r", "AE=2", "VAE=4", "image=0"],
    }


def test_other_layouts_stand_row_by_row_below_what_they_share() -> None:
    rows = {"AE": lines("image=0", "linear=1"), "ATNL": lines("image=0", "linear=2", "spherical=3")}
    assert told(grouped(rows)) == {
        "": ["image=0"], "AE": ["linear=1"], "ATNL": ["linear=2", "spherical=3"],
    }  # fmt: skip
    unnamed = {"AE": lines("=1", "=2"), "VAE": lines("=3", "=4")}
    assert told(grouped(unnamed)) == {"AE": ["=1", "=2"], "VAE": ["=3", "=4"]}
    many = [f"{place}={place}" for place in range(7)]
    assert list(told(grouped({"AE": lines(*many), "VAE": lines(*(f"{one}!" for one in many))}))) == ["AE", "VAE"]


def test_what_is_the_same_in_all_rows_is_there_once_and_one_row_alone_as_it_is() -> None:
    row = lines("image=0", "copy=1")
    assert told(grouped({"AE": row, "VAE": row})) == {"": ["image=0", "copy=1"]}
    assert told(grouped({"AE": row})) == {"": ["image=0", "copy=1"]}
    assert grouped({}) == []


@settings(max_examples=50)
@given(
    st.dictionaries(st.text(min_size=1), st.lists(st.builds(Line, st.text(), st.sampled_from("abcdefgh"))), max_size=4)
)
def test_every_line_is_somewhere_and_no_line_of_another(rows: dict[str, list[Line]]) -> None:
    shown = [line.digest for group in grouped(rows) for _, line in group.lines]
    assert set(shown) == {line.digest for row in rows.values() for line in row}
    if len(rows) > 1:
        shared = set.intersection(*({line.digest for line in row} for row in rows.values()))
        first = [line.digest for line in next(iter(rows.values()))]
        own = [line.digest for row in rows.values() for line in row if line.digest not in shared]
        assert sorted(shown) == sorted([*own, *(one for one in first if one in shared)])


def test_groups_of_many_short_lines_stand_beside_each_other() -> None:
    def groups(title: str, count: int, name: str = "line") -> list[Group[int]]:
        return [Group(title, [(name, place) for place in range(count)]) for _ in range(2)]

    assert stand_beside(groups("AE", 10), 12)
    assert not stand_beside(groups("AE", 10), 14)
    assert not stand_beside(groups("AE", 3), 12)
    assert stand_beside(groups("AE", 3, name=""), 12)
    assert not stand_beside(groups("", 10), 12)
    assert not stand_beside(groups("AE", 10)[:1], 12)


# --- what there are pictures of ---


def test_pictures_of_one_title_over_the_rows_that_have_it(tmp_path: Path) -> None:
    def pictures(*titles: str) -> list[Picture]:
        return [Picture(title, PNG + f"{title}{place}".encode()) for place, title in enumerate(titles)]

    rows = [
        stored_row(tmp_path, "a", *pictures("x", "y", "x"), seeds=[0, 1]),
        stored_row(tmp_path, "b", *pictures("x", "z"), seeds=[1]),
        Row("c", "", (Cell(1, tmp_path, "not begun"),)),
    ]
    found = figures(rows)
    assert [(one.evaluation, one.title, [(name, cell.seed) for name, cell in one.cells.items()]) for one in found] == [
        ("strip", "x", [("a", 1), ("b", 1)]), ("strip", "y", [("a", 0)]), ("strip", "z", [("b", 1)]),
    ]  # fmt: skip
    assert [one.title for one in figures(rows, least=2)] == ["x"]
    assert found[0].read("a").png == PNG + b"x0"
    (tmp_path / "b-1" / "strip" / "00.png").unlink()
    with pytest.raises(UserError, match="holds no readable result"):
        found[0].read("b")
    assert found[2].read("b").title == "z", "nothing but what is asked for is read"
