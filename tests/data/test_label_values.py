"""Binary attributes in all the ways that people write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import Problem
from semreg.data.label_values import Attributes, read_attributes


def read(unknown: list[str] | None = None, **columns: str) -> Attributes:
    found = read_attributes({name: text.split(",") for name, text in columns.items()}, range(2, 99), unknown)
    assert isinstance(found, Attributes), found
    return found


def refused(unknown: list[str] | None = None, **columns: str) -> list[Problem]:
    found = read_attributes({name: text.split(",") for name, text in columns.items()}, range(2, 99), unknown)
    assert isinstance(found, list), found
    return found


@pytest.mark.parametrize(
    "text", ["1,0,1,0", "True,False,TRUE,false", "yes,no,Yes,NO", "1.0,0.0,1.00,-0.0", "1,-1,1,-1", "1.0,-1.0,1.0,-1.0"]
)
def test_words_for_truth(text: str) -> None:
    found = read(x=text)
    assert found.present.tolist() == [[1], [0], [1], [0]]
    assert found.known is None


def test_each_column_in_words_of_its_own() -> None:
    found = read(smiling="True,False", hat="0.0,1.0", glasses="yes,no")
    assert found.present.tolist() == [[1, 0, 1], [0, 1, 0]]


def test_blanks_are_not_known() -> None:
    found = read(x="1,,0", y="0,1,0")
    assert found.present.tolist() == [[1, 0], [0, 1], [0, 0]]
    assert found.known is not None
    assert found.known.tolist() == [[1, 1], [0, 1], [1, 1]]


def test_minus_one_beside_zero_and_one_is_not_known_in_any_column() -> None:
    found = read(edema="1.0,0.0,-1.0,", effusion="1.0,-1.0,,1.0")
    assert found.present.tolist() == [[1, 1], [0, 0], [0, 0], [0, 1]]
    assert found.known is not None
    assert found.known.tolist() == [[1, 1], [1, 0], [0, 0], [0, 1]]


def test_what_an_option_says_is_not_known() -> None:
    assert read(["NA"], x="1,NA,0").known is not None
    known = read(["-1"], x="1,-1.0", y="0,1").known
    assert known is not None
    assert known.tolist() == [[1, 1], [0, 1]]


def test_minus_one_in_one_column_and_zero_in_another_may_mean_either() -> None:
    [problem] = refused(x="1,0", y="1,-1")
    assert problem == Problem("x", "line 3: '0' is neither -1 nor 1; if -1 means not known, write `unknown = [\"-1\"]` "
                              "under [data]")  # fmt: skip
    assert read(["-1"], x="1,0", y="1,-1").known is not None


def test_what_is_no_attribute_is_refused_with_the_ways_out() -> None:
    age, name = refused(age="30,1", name="1,Ann")
    assert age.message.startswith("line 2: '30' is neither 0 nor 1; a column of classes is named in `classes`")
    assert name.message.endswith('what means not known in `unknown` (as `unknown = ["Ann"]`)')
    [nothing] = refused(x=",", y="0,1")[:1]
    assert nothing == Problem("x", "no value is known; name the column in `drop`")
    assert refused(x="-1,-1,", y="0,-1,1")[0].message.startswith("no value is known")


VALUES = {"0": 0, "1": 1, "": None, "True": 1, "no": 0, "1.0": 1}


@given(st.lists(st.tuples(*2 * [st.sampled_from(list(VALUES))]), min_size=1, max_size=12))
def test_any_mixture(rows: list[tuple[str, str]]) -> None:
    columns: Any = dict(zip("ab", zip(*rows, strict=True), strict=True))
    found = read_attributes(columns, range(99))
    if any(set(column) == {""} for column in columns.values()):
        assert isinstance(found, list)
        return
    assert isinstance(found, Attributes)
    assert found.present.tolist() == [[VALUES[value] or 0 for value in row] for row in rows]
    known = [[int(VALUES[value] is not None) for value in row] for row in rows]
    assert (found.known is None and all(map(all, known))) or (found.known is not None and found.known.tolist() == known)
