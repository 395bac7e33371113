"""The section of a page that tells of the data."""

from __future__ import annotations

from typing import Any

from semreg.core import AttributesField, ClassField, ImageField
from semreg.report.data import data_section
from semreg.store.fields import described

RECORD: dict[str, Any] = {
    "fields": {
        "image": described(ImageField(1, 4, 4)),
        "pose": described(ClassField(("front", "left", "back"), "ring")),
        "attributes": described(AttributesField(("edema", "hat"))),
        "attributes_known": described(AttributesField(("edema", "hat"))),
    },
    "counts": {"train": 5, "validation": 0, "test": 2},
    "taken": {
        "split": "the folders train, test",
        "classes": {"pose": {"train": [2, 2, 1], "validation": [0, 0, 0], "test": [1, 0, 1]}},
        "attributes": {"attributes": {"train": [1, 2], "validation": [0, 0], "test": [0, 1]}},
        "known": {"attributes": {"train": [3, 5], "validation": [0, 0], "test": [2, 2]}},
        "pixels": {"least": 0, "largest": 255},
        "others": {".heic": 70},
    },
}


def test_what_was_taken_stands_in_text_and_tables() -> None:
    section = data_section(RECORD)
    assert section is not None
    assert section.text.split("\n\n") == [
        "7 images used: 5 train, 2 test (the folders train, test).",
        "Pixels: grey, 4 × 4, 8 bits from 0 to 255.",
        "Not used: 70 .heic.",
    ]
    pose, attributes = section.tables
    assert (pose.title, pose.columns) == ("pose", ("class", "train", "test"))
    assert pose.rows == [("front", 2, 1), ("left", 2, 0), ("back", 1, 1)]
    assert pose.caption.startswith("The classes form a ring: each is")
    assert attributes.columns == ("attribute", "train", "test", "known in train", "known in test")
    assert attributes.rows == [("edema", 1, 0, 3, 2), ("hat", 2, 1, 5, 2)]
    assert attributes.caption == ""


def test_a_run_that_recorded_nothing_has_no_such_section() -> None:
    assert data_section({}) is None
    assert data_section({key: RECORD[key] for key in ("fields", "counts")}) is None


def test_of_many_classes_a_line_tells() -> None:
    names = tuple(f"person {number}" for number in range(101))
    fields = {**RECORD["fields"], "person": described(ClassField(names))}
    counts = {split: [1] * 101 for split in RECORD["counts"]}
    classes = {**RECORD["taken"]["classes"], "person": counts}
    section = data_section({**RECORD, "fields": fields, "taken": {**RECORD["taken"], "classes": classes}})
    assert section is not None
    assert [table.title for table in section.tables] == ["pose", "attributes"]
    [line] = [line for line in section.text.split("\n\n") if line.startswith("Person: ")]
    assert line.startswith("Person: 101 classes: person 0, person 1, ")
    assert line.endswith("person 100; train 1 each; validation 1 each; test 1 each.")
