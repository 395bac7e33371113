"""Fields of data as JSON and back."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from semreg.core import AttributesField, ClassField, ImageField, VectorField
from semreg.store.fields import checked, described, restored


def test_described_as_json() -> None:
    assert described(ImageField(1, 4, 5)) == {"kind": "image", "channels": 1, "height": 4, "width": 5}
    fields = [ClassField(("a",)), AttributesField(("a", "b"), (("a", "b"),)), VectorField(2)]
    assert [json.loads(json.dumps(described(field)))["kind"] for field in fields] == ["class", "attributes", "vector"]


FIELDS = {
    "image": ImageField(1, 4, 5),
    "digit": ClassField(("0", "1"), "ring"),
    "marks": AttributesField(("a", "b"), (("a", "b"),)),
    "point": VectorField(2),
}


def test_restored_from_json() -> None:
    assert restored(json.loads(json.dumps({name: described(field) for name, field in FIELDS.items()}))) == FIELDS


@pytest.mark.parametrize("wrong", [None, 0, "x", [], {}, -1, 10**9, 1.5, {"kind": "image"}])
def test_anything_else_is_not_restored(wrong: Any) -> None:
    whole = {name: described(field) for name, field in FIELDS.items()}
    for name, field in whole.items():
        with pytest.raises((ValueError, TypeError, KeyError)):
            restored({**whole, name: wrong})
        for key in field.keys() - {"names", "exclusive"}:
            with pytest.raises((ValueError, TypeError, KeyError)):
                restored({**whole, name: {**field, key: wrong}})


@pytest.mark.parametrize(
    "wrong",
    [
        None, 3, {}, [], {"image": 3}, {3: ClassField(("a",))}, {"kind": ClassField(())}, {"v": VectorField(-1)},
        {"kind": ClassField(cast("Any", None))}, {"image": ImageField(1, 10**9, 8)}, {"image": ImageField(0, 8, 8)},
    ],
)  # fmt: skip
def test_a_specification_that_no_record_can_hold_is_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        checked(wrong)


def test_any_other_is_given_back() -> None:
    assert checked(dict(FIELDS)) == FIELDS
