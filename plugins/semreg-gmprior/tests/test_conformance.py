"""The plugin's components pass the conformance kit."""

from __future__ import annotations

import pytest
from semreg_gmprior.prior import GaussianMixture

from tests.conforming import LABELS, conform, example, names, normal, uniform

PRIOR = GaussianMixture(classes=3, size=4)
EXAMPLES = {
    "gaussian_mixture": example(LABELS, classes=3, size=2),
    "gm": example(normal(6, 4), LABELS, PRIOR, margin=0.2),
    "lkd": example(normal(6, 4), LABELS, PRIOR),
    "lkd_unlabelled": example(normal(6, 4), PRIOR),
    "perturb": example(normal(6, 4), LABELS, PRIOR, scale=0.5),
    "projection_critic": example(uniform(6, 1, 16, 16), LABELS, classes=3, widths=[4, 8]),
    "toy_classes": example(count=120),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str) -> None:
    conform(name, "semreg-gmprior", EXAMPLES[name])


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-gmprior", without=("evaluation", "panel"))
