"""What is told of data that were taken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from semreg.core import AttributesField, ClassField, ImageField, Specification
from semreg.data.cache import cached
from semreg.data.dataset import Cached
from semreg.data.summary import lines, scarce, taken
from semreg.store.fields import described


def data(classes: str, split: str, /, **told: Any) -> Cached:
    """Images of classes, and their splits, a letter each; 0 trains, 1 validates, 2 tests."""
    names = tuple(sorted(set(classes)))
    fields: Specification = {"image": ImageField(3, 8, 8), "kind": ClassField(names)}
    arrays = {"kind": torch.tensor([names.index(name) for name in classes])}
    return Cached(fields, arrays, torch.tensor([int(one) for one in split], dtype=torch.uint8), "", told=told)


def told(found: Cached, **options: Any) -> list[str]:
    return lines({name: described(field) for name, field in found.fields.items()}, found.counts, taken(found, options))


def test_classes_counts_and_where_the_split_is_from() -> None:
    found = data("aabbbc", "002002", split="the column 'Split' of labels.csv", others={".heic": 70, "@eaDir/": 1})
    assert told(found) == [
        "6 images used: 4 train, 2 test (the column 'Split' of labels.csv)",
        "pixels: RGB, 8 × 8",
        "kind: 3 classes: a, b, c; train 2, 2, 0; test 0, 1, 1",
        "not used: 70 .heic, 1 @eaDir/",
    ]
    assert told(replace(found, told={}), train=0.5)[0].endswith('(as the data set says; data.split = {"train": 0.5})')


def test_pixels() -> None:
    found = data(
        "ab", "02", pixels={"least": 3, "largest": 200, "white": 4095, "background": "black", "transparent": 2}
    )
    assert told(data("ab", "02", pixels={"filter": "box"}))[1] == "pixels: RGB, 8 × 8, resized by the filter 'box'"
    assert told(found)[1] == (
        "pixels: RGB, 8 × 8, 8 bits from 3 to 200 (white is 4095 in the files); what is transparent in 2 of the images "
        "lies on black"
    )


@pytest.mark.parametrize(
    ("order", "count", "expected"),
    [
        ("none", 3, "3 classes: c0, c1, c2"),
        ("line", 3, "3 classes in a line: c0 – c1 – c2"),
        ("ring", 3, "3 classes in a ring: c0 – c1 – c2 – c0"),
        ("ring", 2, "2 classes in a ring: c0 – c1"),
        ("line", 1, "1 class in a line: c0"),
        ("line", 30, "30 classes in a line: c0, c1, "),
    ],
)
def test_neighbours(order: Any, count: int, expected: str) -> None:
    field = described(ClassField(tuple(f"c{number}" for number in range(count)), order))
    [line] = lines({"pose": field}, None, {})
    assert line.startswith(f"pose: {expected}")
    assert len(line) < 140
    assert ("c29" in line) == (count == 30), "the last is shown, too"


def test_counts_of_many_classes_are_summed_up() -> None:
    letters = "abcdefghijklmn"
    found = data(letters + letters + "a", "0" * 14 + "2" * 13 + "0" * 2)
    assert told(found)[2].endswith("n; train 1 to 2 each; test 0 to 1 each, 1 with none")


def test_attributes_and_what_is_known_of_them() -> None:
    names = ("edema", "effusion")
    fields: Specification = {"attributes": AttributesField(names), "attributes_known": AttributesField(names)}
    arrays = {
        "attributes": torch.tensor([[1, 0], [0, 1], [0, 1]]),
        "attributes_known": torch.tensor([[1, 0], [0, 1], [1, 1]]),
    }
    found = Cached(fields, arrays, torch.tensor([0, 0, 2], dtype=torch.uint8), "")
    assert told(found)[1:] == ["attributes: 2 attributes: edema 1 of 2, effusion 2 of 2 that are known, of 3 images"]
    assert taken(found)["known"] == {"attributes": {"train": [1, 1], "validation": [0, 0], "test": [1, 1]}}
    plain = replace(found, fields={"attributes": fields["attributes"]}, arrays={"attributes": arrays["attributes"]})
    assert told(plain)[1:] == ["attributes: 2 attributes: edema 1 of 3, effusion 2 of 3"]


def test_names_cannot_steer_a_terminal() -> None:
    found = data("a\x1b", "02", others={"\x1b[31m": 1}, split="\x1b[2J")
    assert "\x1b" not in "".join(told(found))


def test_it_is_json_and_so_are_lines_from_it(toy: Any, tmp_path: Path) -> None:
    found = cached(toy, folder=tmp_path)
    record = json.loads(json.dumps(taken(found)))
    fields = {name: described(field) for name, field in found.fields.items()}
    assert lines(fields, found.counts, record) == told(found)
    assert record["pixels"] == {"least": 0, "largest": 199}
    assert record["classes"]["digit"]["train"][4] == 0, "every fifth image tests"


@pytest.mark.parametrize(
    ("classes", "split", "expected"),
    [
        ("aaabbb", "002002", []),
        ("aaab", "0020", ["kind: of 1 of 2 classes there is one training image each: b",
                          "kind: of 1 of 2 classes there is no test image: b"]),
        ("aaabb", "00222", ["kind: of 1 of 2 classes there is no training image: b"]),
        ("aabb", "0022", []),  # people who were kept apart
        ("aabb", "0000", []),  # nothing tests
    ],
)  # fmt: skip
def test_classes_that_a_split_lacks(classes: str, split: str, expected: list[str]) -> None:
    assert scarce(data(classes, split), {"kind"}) == expected
    assert scarce(data(classes, split), set()) == [], "a recipe that does not read them is not concerned"


def test_rows_of_no_class_count_nowhere() -> None:
    found = data("abab", "0022")
    found.arrays["kind"][1] = -1
    assert taken(found)["classes"]["kind"]["train"] == [1, 0]
    assert np.array_equal(taken(found)["classes"]["kind"]["test"], [1, 1])
