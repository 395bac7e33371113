"""The plugin's evaluations pass the conformance kit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conforming import conform, evaluation, names

OWN = frozenset({"source"})
"""Measures of this project's own."""
EXAMPLES: dict[str, dict[str, Any]] = {
    "class_angles": {"names": "z digit", "exempt": OWN},
    "few_shot": {"names": "image z digit reconstruction", "few": 3, "count": 30, "iterations": 5},
    "neighbor_synthesis": {"names": "z digit reconstruction", "judged": True, "pairs": 10, "exempt": OWN},
    "semantic_order": {"names": "z digit reconstruction image", "judged": True, "pairs": 10, "exempt": OWN},
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str, ring: Any) -> None:
    if name == "few_shot":  # a class of three training images
        labels = ring.tensors["digit"]["train"]
        kept = (labels != 2) | ((labels == 2).cumsum(0) <= 3)
        for splits in ring.tensors.values():
            splits["train"] = splits["train"][kept]
    conform(name, "semreg-atnl", evaluation(ring, **EXAMPLES[name]))


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-atnl", kinds=("evaluation",))
