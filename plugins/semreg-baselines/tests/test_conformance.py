"""The plugin's components pass the conformance kit."""

from __future__ import annotations

import pytest
import torch
from semreg_baselines.stargan import DomainCritic

from semreg.testing import FakeRun
from tests.conforming import LABELS, conform, evaluation, example, names, normal, uniform

MIXED = FakeRun(tensors={"z": {"test": normal(20, 3)}}, functions={"guess": lambda z: z[:, :1]}, fields={})

IMAGES = uniform(4, 1, 16, 16)
torch.manual_seed(0)
CRITIC = DomainCritic(classes=3, input_shapes=[(1, 16, 16)], width=4, layers=2)
EXAMPLES = {
    "acai_critic": example(uniform(6, 1), uniform(6, 1, seed=1), uniform(6, 1, seed=2)),
    "acai_regularizer": example(uniform(6, 1)),
    "critic_on_mixtures": evaluation(MIXED, "z guess"),
    # its last layer is domain_logits' alone
    "domain_critic": example(IMAGES, classes=3, width=4, layers=2, exempt={"gradient"}),
    "domain_logits": example(CRITIC, IMAGES),
    # float32 for codes of any precision
    "interpolation_weight": example(normal(6, 4), exempt={"dtype"}),
    "label_maps": example(IMAGES, normal(4, 3)),
    "triplet": example(normal(6, 4), LABELS),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str) -> None:
    conform(name, "semreg-baselines", EXAMPLES[name])


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-baselines")
