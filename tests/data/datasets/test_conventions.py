from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import ClassField, UserError
from semreg.data.datasets.conventions import class_field, field_name, says_splits, sorted_classes, split_named


def test_sorted_classes() -> None:
    assert sorted_classes(["10", "9", "-1.5", "9"]) == ("-1.5", "9", "10")
    assert sorted_classes(["10", "9", "b"]) == ("10", "9", "b")
    assert sorted_classes(["nan", "10", "9"]) == ("10", "9", "nan")


@pytest.mark.parametrize(
    "names",
    [
        [f"pose_{number}" for number in range(12)],
        ["angle_-10", "angle_-5", "angle_0", "angle_5"],
        ["dose 0.5", "dose 2", "dose 10.25"],
        ["a-1", "a-2", "a-10"],  # a hyphen is no sign there
        ["cat", "cat2", "cat10", "dog"],
        ["v1.2.3", "v1.2.10"],
        ["pose_01", "pose_1", "pose_2"],
        ["man", "man-made", "man2"],  # as text, since its numbers stand in their order
        ["001.Albatross", "002.Crow"],
    ],
)
def test_text_that_ends_in_numbers_sorts_by_them(names: list[str]) -> None:
    shuffled = random.Random(0).sample(names, len(names))
    assert sorted_classes([*shuffled, *shuffled]) == tuple(names)


@given(st.lists(st.text("ab-_", max_size=4), min_size=1))
def test_text_without_numbers_sorts_as_text(names: list[str]) -> None:
    assert sorted_classes(names) == tuple(sorted(set(names)))


@given(st.lists(st.from_regex(r"[ab]{0,2}[0-9]{0,3}", fullmatch=True), min_size=1), st.randoms())
def test_the_order_is_one_whatever_it_is_sorted_from(names: list[str], shuffle: Any) -> None:
    expected = sorted_classes(names)
    shuffle.shuffle(names)
    assert sorted_classes(names) == expected
    assert sorted(expected) == sorted(set(names))


def test_orders() -> None:
    poses = [f"pose_{number}" for number in (10, 2, 1)]
    assert class_field("pose", poses, "ring") == ClassField(("pose_1", "pose_2", "pose_10"), "ring")
    assert class_field("age", ["30", "4"], "line") == ClassField(("4", "30"), "line")
    assert class_field("side", ["left", "right"], "line").order == "line", "of two each is next to the other"
    named = ["none", "mild", "severe"]
    assert class_field("severity", ["mild", "none", "severe"], named) == ClassField(tuple(named), "line")
    assert class_field("severity", named, {"ring": named}) == ClassField(tuple(named), "ring")
    assert class_field("severity", named, {"none": named}) == ClassField(tuple(named), "none")


@pytest.mark.parametrize(
    ("values", "stated", "message"),
    [
        ("mild none severe", "line", 'theirs: `orders = { x = ["mild", "none", "severe"] }`'),
        ("front left back", "ring", 'theirs: `orders = { x = { ring = ["back", "front", "left"] } }`'),
        ("a1 b2 c3", "line", "'a1', 'b2', 'c3' are text"),
        ("1 2 b", "line", "are text without numbers"),
        ('a"b c d', "line", r'["a\"b", "c", "d"]'),
        ("mild none", ["none", "mid", "mild"], "no image is of a class 'mid'; did you mean 'mild'"),
        ("mild none", ["none"], "does not give the position of 'mild'"),
        ("a b c", ["a"], "does not give the position of 'b', 'c'"),
        ("mild none", ["none", "none", "mild"], "names 'none' twice"),
        ("mild none", {}, "states no order; write `orders = { x = { ring ="),
        ("mild none", {"ring": ["none", "mild"], "line": ["none", "mild"]}, "states no order"),
    ],
)
def test_what_states_no_order_is_refused_with_the_line(values: str, stated: Any, message: str) -> None:
    with pytest.raises(UserError) as refused:
        class_field("x", values.split(), stated)
    assert message in refused.value.text()
    assert refused.value.problems[0].where == "data.orders.x"


def test_the_line_names_the_first_of_many() -> None:
    with pytest.raises(UserError) as refused:
        class_field("x", [f"{number} degrees" for number in range(40)], "ring")
    assert refused.value.text().endswith('"19 degrees", …] } }`')


def test_splits_by_name() -> None:
    spellings = {0: "train Train TRAIN training 0 0.0", 1: "val valid Validation 1", 2: "test TEST Testing 2 2.0"}
    for split, words in spellings.items():
        assert [split_named(f" {word} ") for word in words.split()] == [split] * len(words.split())
    assert [split_named(word) for word in ("tset", "", "3", "train.0", "-1")] == [None] * 5
    assert says_splits(["Train", "TEST", "train"])
    assert not says_splits(["train", "train"]), "one split alone says nothing"
    assert not says_splits(["train", "test", "x"])
    assert not says_splits(["0", "1", "2"]), "numbers may be anything"


def test_names_of_fields() -> None:
    assert field_name("digit") == "digit"
    for label, why in (("image", "the images have that name"), ("split", "no field"), ("a b", "no field"), ("", "no")):
        with pytest.raises(UserError, match=f"label = '{label}': {why}"):
            field_name(label)
