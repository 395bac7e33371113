"""The plugin's components pass the conformance kit."""

from __future__ import annotations

import pytest

from semreg.components.priors import StandardNormal
from semreg.core import DiagonalGaussian
from tests.conforming import Example, conform, example, names, normal

CODE = 24
"""So wide that the kit, which enlarges batches as far as a second of their quadratic time goes, is done soon."""
POSTERIOR = DiagonalGaussian(normal(6, CODE), normal(6, CODE, seed=1))
CODES = normal(6, CODE, seed=2)
PRIOR = StandardNormal(size=CODE)
EXAMPLES: dict[str, Example] = {
    "dimension_wise_kl": example(CODES, POSTERIOR),
    "dip_regularizer": example(POSTERIOR, form="I", diagonal=10.0),
    "free_bits": example(POSTERIOR, PRIOR, free=0.5),
    "index_code_information": example(CODES, POSTERIOR),
    "kl_capacity": example(POSTERIOR, PRIOR, capacity=3.0),
    "log_density_ratio": example(normal(6, 1)),
    "mmd": example(CODES, normal(6, CODE, seed=3), kernel="gaussian"),
    "permuted_dimensions": example(CODES),
    "total_correlation": example(CODES, POSTERIOR, estimator="stratified", images=100),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str) -> None:
    conform(name, "semreg-vae", EXAMPLES[name])


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-vae")
