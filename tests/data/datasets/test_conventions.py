from __future__ import annotations

import pytest

from semreg.core import UserError
from semreg.data.datasets.conventions import field_name, sorted_classes


def test_classes_in_order() -> None:
    assert sorted_classes(["10", "-5", "2", "2"]) == ("-5", "2", "10")
    assert sorted_classes(["b", "10", "2"]) == ("10", "2", "b")


def test_names_of_fields() -> None:
    assert field_name("digit") == "digit"
    for label, why in (("image", "the images have that name"), ("split", "no field"), ("a b", "no field"), ("", "no")):
        with pytest.raises(UserError, match=f"label = '{label}': {why}"):
            field_name(label)
