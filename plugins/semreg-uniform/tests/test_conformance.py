"""The plugin's components pass the conformance kit."""

from __future__ import annotations

import pytest
import torch
from semreg_uniform.classifiers import MLPTailClassifier
from semreg_uniform.networks import PatchCritic

from tests.conforming import conform, example, names, normal, uniform

IMAGES, OTHERS = (uniform(4, 1, 16, 16, seed=seed) for seed in range(2))
torch.manual_seed(0)
CLASSIFIERS = [MLPTailClassifier(classes=classes, code=5, input_shapes=[(1, 8, 8)], hidden=[4]) for classes in (2, 3)]
EXAMPLES = {
    "class_logits": example(CLASSIFIERS[0], normal(4, 5)),
    "disentanglement": example(*(normal(4, 5, seed=seed) for seed in range(3)), *CLASSIFIERS),
    "gradient_penalty": example(PatchCritic(input_shapes=[(1, 16, 16)], width=4, layers=2), IMAGES, OTHERS),
    "mlp_tail_classifier": example(IMAGES, classes=3, code=5, hidden=[8]),
    "patch_critic": example(IMAGES, width=4, layers=2),
    "residual_decoder": example(normal(4, 2, 4, 4), normal(4, 3, 4, 4), channels=1, width=4, blocks=1),
    "spatial_encoder": example(IMAGES, width=4),
    "tail_classifier": example(IMAGES, classes=3, width=4),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str) -> None:
    conform(name, "semreg-uniform", EXAMPLES[name])


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-uniform", without=("evaluation",))
