"""The plugin's evaluations pass the conformance kit."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.conforming import conform, evaluation, names

EXAMPLES: dict[str, dict[str, Any]] = {
    "exchange": {"names": "image z_s z_u x_f digit", "judged": True},
    "fitted_samples": {"names": "z_s prior_s z_u prior_u x_f digit image", "judged": True, "count": 20, "compared": 5},
    "inpainting": {"names": "image x_i digit", "judged": True, "masks": ["right_half"]},
    "toy_spread": {"names": "z_s z_s digit", "axis": 0},
    "traversal": {"names": "z_s prior_s z_u prior_u x_f digit", "images": 5},
}


@pytest.mark.filterwarnings("ignore:gaussian_mixture")
@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str, world: Any) -> None:
    world.functions["x_i"] = lambda image, digit: torch.full_like(image, 0.5)
    conform(name, "semreg-gmprior", evaluation(world, **EXAMPLES[name]))


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-gmprior", kinds=("evaluation",))
