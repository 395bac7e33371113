"""The plugin's components pass the conformance kit."""

from __future__ import annotations

import pytest
import torch
from semreg_priors import FlowPrior

from semreg.core import DiagonalGaussian
from tests.conforming import Example, conform, example, names, normal

CLASSES = torch.tensor([0, 0, 0, 1, 1, 1])
SPHERE = {"statistics", "kl", "waits"}
"""The kit integrates over all codes and has normal posteriors; test_sphere.py does the like on the sphere."""
EXAMPLES: dict[str, Example] = {
    "factorised": example(size=2, components=3),
    "fitted_gaussian": example(CLASSES, size=2, classes=2),
    "fitted_mixture": example(size=2, components=3),
    "flow": example(CLASSES, size=2, transforms=1, hidden=[8], bins=4, classes=2),
    "flow_posterior": example(
        DiagonalGaussian(normal(6, 3), normal(6, 3, seed=1)), FlowPrior(size=3, transforms=1, hidden=(8,))
    ),
    "full_covariance_gaussian": example(normal(6, 9)),
    "generalised_normal": example(size=2, power=3.0),
    "laplace": example(size=2, scale=0.7),
    "mixture_of_gaussians": example(size=2, components=3),
    "power_spherical": example(normal(6, 4)),
    "student_t": example(size=2),
    "uniform_on_sphere": example(size=3, exempt=SPHERE),
    # its pseudo-inputs get their gradient through an encoder: test_vamp.py
    "vamp": example(size=2, pseudo_inputs=4, exempt={"gradient"}),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str) -> None:
    conform(name, "semreg-priors", EXAMPLES[name])


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-priors")
