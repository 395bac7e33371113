"""Fields of data as JSON and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from semreg.core import AttributesField, ClassField, ImageField, VectorField
from semreg.store.fields import described, restored


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
