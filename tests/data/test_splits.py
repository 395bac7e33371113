from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import TEST, ClassField, VectorField
from semreg.data.splits import by_problems, drawn_in_words, drawn_split, random_order, share, shots_problems


def test_the_order_is_the_same_on_every_machine() -> None:
    assert random_order(8, 0).tolist() == [1, 0, 2, 7, 5, 4, 6, 3]
    assert random_order(8, 3).tolist() == [6, 7, 0, 2, 4, 5, 3, 1]


@given(st.integers(0, 300), st.integers(0, 2**40))
def test_an_order_is_a_permutation(count: int, seed: int) -> None:
    assert sorted(random_order(count, seed).tolist()) == list(range(count))


def test_an_order_is_not_the_original_one() -> None:
    order = random_order(10_000)
    assert abs(np.corrcoef(order, np.arange(10_000))[0, 1]) < 0.05


@given(st.lists(st.integers(0, 3), max_size=60))
def test_each_class_is_tested(classes: list[int]) -> None:
    labels = np.array(classes, dtype=np.int64)
    split = drawn_split(len(labels), classes=labels)
    few = all(classes.count(value) < 3 for value in classes)  # of which a fifth is none
    for value in set(classes):
        count = classes.count(value)
        assert (split[labels == value] == TEST).sum() == (count - 1 if few else round(0.2 * count))


@pytest.mark.parametrize(("count", "tested"), [(0, 0), (1, 0), (2, 1), (3, 1), (7, 1), (10, 2)])
def test_one_of_two_is_tested(count: int, tested: int) -> None:
    assert (drawn_split(count) == TEST).sum() == tested
    assert (drawn_split(count, test=0.0) == TEST).sum() == 0


def test_what_is_drawn_in_words() -> None:
    assert drawn_in_words(10) == "20% for testing, drawn once and for all"
    assert drawn_in_words(2) == "one image for testing, drawn once and for all"
    people = np.array([0, 0, 1])
    assert drawn_in_words(3, classes=people) == "one image of each class for testing, drawn once and for all"
    assert drawn_in_words(9, test=0.5, classes=np.zeros(9, np.int64)).startswith("50% of each class for testing")


def test_shots_of_what_does_not_exist() -> None:
    fields = {"digit": ClassField(("0", "1")), "point": VectorField(2)}
    assert shots_problems(fields, {"digit": {"0": 3}}) == []
    found = shots_problems(fields, {"digit": {"2": 3}, "point": {}, "digits": {}})
    assert [problem.where for problem in found] == [
        "data.split.shots.digit.2", "data.split.shots.point", "data.split.shots.digits"
    ]  # fmt: skip
    assert found[2].message == "no field of classes is called 'digits'; did you mean 'digit'?"


def test_validation_by_what_is_no_field_of_classes() -> None:
    fields = {"digit": ClassField(("0", "1")), "point": VectorField(2)}
    for validation in (None, 0.1, {"amount": 0.1, "by": "digit"}):
        assert by_problems(fields, validation) == []
    for by in ("point", "digits"):
        [problem] = by_problems(fields, {"amount": 0.1, "by": by})
        assert problem.where == "data.split.validation.by"
        assert f"no field of classes is called {by!r}" in problem.message
    assert "did you mean 'digit'?" in problem.message


def test_share() -> None:
    assert share(7, 100) == 7
    assert share(0.25, 100) == 25
