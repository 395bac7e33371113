"""The core's evaluations pass the conformance kit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from semreg.components.priors import StandardNormal
from semreg.core import DiagonalGaussian
from tests.conforming import TEXTBOOK, conform, evaluation, names

EXAMPLES: dict[str, dict[str, Any]] = {
    "accuracy": {"names": "verdict digit", "exempt": TEXTBOOK},
    "code_moments": {"names": "z", "exempt": TEXTBOOK},
    "divergence": {"names": "q prior", "exempt": TEXTBOOK},
    "fid": {"names": "x_p image", "judged": True},
    "inception_score": {"names": "x_p digit", "judged": True},
    "interpolation_strip": {"names": "z digit reconstruction", "judged": True, "pairs": 1, "images": 4},
    "intra_class_diversity": {"names": "large_p digit large", "count": 5},
    "knn": {"names": "z digit", "exempt": TEXTBOOK},
    "leakage": {"names": "z digit", "epochs": 2, "hidden": [8], "exempt": TEXTBOOK},
    "linear_probe": {"names": "z digit", "exempt": TEXTBOOK},
    "prior_samples": {"names": "prior z reconstruction", "pictures": 4, "exempt": TEXTBOOK},
    "reconstructions": {"names": "image copy", "pictures": 4, "exempt": TEXTBOOK},
    "tsne": {"names": "z digit", "perplexity": 8.0, "count": 30},
}


@pytest.fixture
def rich(world: Any) -> Any:
    """The world of codes with a prior, posteriors, copies and larger images."""
    prior: nn.Module = StandardNormal(size=2)
    world.modules["prior"] = prior
    codes, images = world.tensors["z"]["test"], world.tensors["image"]
    noise = torch.rand(2, len(codes), 1, 16, 16, generator=torch.Generator().manual_seed(0))
    world.tensors |= {
        "q": {"test": DiagonalGaussian(codes, 0 * codes)},
        "x_p": {"test": images["test"].flip(0)},
        "verdict": {"test": torch.eye(5)[world.tensors["digit"]["test"]]},
        "copy": {"test": images["test"] * 0.9},
        "large": {"test": noise[0]},
        "large_p": {"test": noise[1]},
    }
    world.functions["features"] = lambda image: image[:, 0, 0, :2]
    return world


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str, rich: Any) -> None:
    conform(name, "semreg", evaluation(rich, **EXAMPLES[name]))


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg", kinds=("evaluation",))
