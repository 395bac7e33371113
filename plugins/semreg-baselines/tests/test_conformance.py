"""The plugin's components pass the conformance kit."""

from __future__ import annotations

import pytest

from semreg.testing import FakeRun
from tests.conforming import LABELS, conform, evaluation, example, names, normal, uniform

MIXED = FakeRun(tensors={"z": {"test": normal(20, 3)}}, functions={"guess": lambda z: z[:, :1]}, fields={})

EXAMPLES = {
    "acai_critic": example(uniform(6, 1), uniform(6, 1, seed=1), uniform(6, 1, seed=2)),
    "acai_regularizer": example(uniform(6, 1)),
    # float32 for codes of any precision
    "interpolation_weight": example(normal(6, 4), exempt={"dtype"}),
    "critic_on_mixtures": evaluation(MIXED, "z guess"),
    "triplet": example(normal(6, 4), LABELS),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str) -> None:
    conform(name, "semreg-baselines", EXAMPLES[name])


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-baselines")
