from __future__ import annotations

from semreg.data.datasets.conventions import sorted_classes


def test_classes_in_order() -> None:
    assert sorted_classes(["10", "-5", "2", "2"]) == ("-5", "2", "10")
    assert sorted_classes(["b", "10", "2"]) == ("10", "2", "b")
