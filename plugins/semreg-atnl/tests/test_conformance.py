"""The plugin's components pass the conformance kit."""

from __future__ import annotations

import pytest
import torch
from semreg_atnl.functional import normalize

from tests.conforming import LABELS, Example, conform, example, names, normal

A, B = (normalize(normal(6, 4, seed=seed)) for seed in range(2))
EXAMPLES = {
    "atnl": example(normal(6, 4), LABELS, margin=1.2, neighbors="ring", num_classes=6),
    "class_directions": example(normal(6, 4), LABELS),
    "normalize": example(normal(6, 4)),
    "partner": example(LABELS, neighbors="ring", num_classes=6),
    "spherical": example(A, B),
    # this project's own idea
    "geodesic": Example((A, B), exempt=frozenset({"source"}), more={"labels": LABELS}),
    "whitened": Example((normal(8, 4), normal(8, 4, seed=1)), more={"labels": torch.arange(8) % 3}),
    "balanced": Example((torch.arange(24) % 3,), more={"batch_size": 6}),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str) -> None:
    conform(name, "semreg-atnl", EXAMPLES[name])


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-atnl", without=("evaluation", "panel"))
