"""The plugin's evaluations pass the conformance kit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conforming import conform, evaluation, names

EXAMPLES: dict[str, dict[str, Any]] = {
    "attribute_editing": {"names": "embedding reconstruction attributes image", "judged": True},
    "compression": {"names": "image embedding reconstruction attributes"},
    "linear_classifier": {"names": "embedding attributes probability image"},
    "norm_correlations": {"names": "embedding attributes"},
    "principal_component": {"names": "embedding attributes image"},
    "row_norms": {"names": "embedding attributes"},
    "true_edits": {"names": "embedding reconstruction attributes image image", "judged": True},
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str, world: Any) -> None:
    conform(name, "semreg-olr", evaluation(world, **EXAMPLES[name]))


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-olr", kinds=("evaluation",))
