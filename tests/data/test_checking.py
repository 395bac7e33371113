"""Sources whose labels do not fit their specification."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semreg.core import AttributesField, ClassField, Field, ImageField, Source, UserError
from semreg.data.cache import cached
from semreg.data.checking import check_source, require_told


def break_split(source: Any) -> None:
    source.split = source.split.astype(np.int64)


def break_split_value(source: Any) -> None:
    source.split[3] = 7


def break_class(source: Any) -> None:
    source.labels["digit"][0] = 10


def break_attributes(source: Any) -> None:
    source.labels["attributes"] = source.labels["attributes"].astype(np.int8) * 2 - 1


def break_count(source: Any) -> None:
    source.labels["angle"] = source.labels["angle"][:-1]


def break_value(source: Any) -> None:
    source.labels["angle"][5] = np.nan


def break_missing(source: Any) -> None:
    del source.labels["digit"]


def break_reader(source: Any) -> None:
    source.images = None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (break_split, "split  found int64"),
        (break_split_value, "split  found uint8 .* expected uint8 0, 1 or 2"),
        (break_class, "digit  values from 0 to 10; expected 0 to 9"),
        (break_attributes, r"attributes  found int8 \(200, 2\); expected uint8 \(200, 2\)"),
        (break_count, r"angle  found float32 \(199, 2\)"),
        (break_value, "angle  not all values are finite"),
        (break_missing, "digit  found nothing"),
        (break_reader, "image  images are read by a reader"),
    ],
)
def test_labels_that_do_not_fit(toy: Any, change: Any, message: str) -> None:
    source = toy.source()
    check_source("Toy", toy.specification(), source)
    change(source)
    with pytest.raises(UserError, match=message) as refused:
        check_source("Toy", toy.specification(), source)
    assert refused.value.source == "Toy"


def test_all_that_is_wrong_is_told_together(toy: Any) -> None:
    source = toy.source()
    for change in (break_split, break_class, break_value):
        change(source)
    with pytest.raises(UserError) as refused:
        check_source("Toy", toy.specification(), source)
    assert [problem.where for problem in refused.value.problems] == ["split", "digit", "angle"]


def test_a_source_that_does_not_fit_is_not_cached(toy: Any, tmp_path: Path) -> None:
    source = toy.source()
    break_class(source)
    toy.source = lambda: source
    with pytest.raises(UserError, match="digit  values from 0 to 10; expected 0 to 9"):
        cached(toy, folder=tmp_path)


def test_no_images(toy_with: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are no images"):
        cached(toy_with(count=0), folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "field", "message"),
    [
        ("split", ClassField(("a",)), "'split' can't be a field's name"),
        ("two words", ClassField(("a",)), "'two words' can't be a field's name"),
        ("kind", ClassField(("a", "b", "a")), "kind  the name 'a' occurs twice"),
        ("marks", AttributesField(("a", "a")), "marks  the name 'a' occurs twice"),
        ("kind", ClassField(("a", "\ud800")), "kind  the name .* is not a text; rename it"),
        ("photo", ImageField(1, 4, 4), "photo  images are read by a reader, into the field 'image'"),
    ],
)
def test_fields_that_cannot_be_are_told(toy: Any, name: str, field: Field, message: str) -> None:
    source = toy.source()
    source.labels[name] = np.zeros(len(source.split), dtype=np.int64)
    with pytest.raises(UserError, match=message):
        check_source("Toy", toy.specification() | {name: field}, source)


def test_images_without_a_field_are_told(toy: Any) -> None:
    specification = toy.specification()
    del specification["image"]
    with pytest.raises(UserError, match="image  this name is reserved for the images; rename the field"):
        check_source("Toy", specification, toy.source())


@pytest.mark.parametrize(
    "change", [{"told": None}, {"told": {"split": object()}}, {"activity": 3}, {"remarks": (3,)}, {"remarks": 3}]
)
def test_what_can_not_be_said_or_recorded_is_refused(change: dict[str, Any]) -> None:
    source = Source({}, np.zeros(1, np.uint8), None, {})
    require_told(source)
    with pytest.raises(TypeError):
        require_told(replace(source, **change))
