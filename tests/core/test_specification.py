from __future__ import annotations

from semreg.core import AttributesField, ClassField, ImageField, VectorField


def test_what_recipes_read() -> None:
    assert ImageField(3, 8, 8).references() == {"channels": 3, "height": 8, "width": 8, "size": 8}
    assert "size" not in ImageField(3, 8, 9).references()
    assert ClassField(("a", "b"), "ring").references() == {"classes": 2, "names": ["a", "b"], "order": "ring"}
    assert VectorField(3).references() == {"size": 3}
    attributes = AttributesField(("a", "b", "c", "d"), (("a", "b"), ("b", "c", "z")))
    assert attributes.references()["count"] == 4
    assert attributes.rivals() == [[1], [0, 2], [1], []]
