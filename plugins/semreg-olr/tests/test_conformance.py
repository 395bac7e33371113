"""The plugin's components pass the conformance kit."""

from __future__ import annotations

import pytest
import torch

from tests.conforming import conform, example, names, normal, uniform

IMAGES, OTHERS = (uniform(4, 1, 12, 12, seed=seed) for seed in range(2))
ADDITIONS = torch.tensor([[0, 3], [1, 2], [-1, 2], [2, 0], [0, 5], [1, 1]])
EXAMPLES = {
    # the additions are places among the images, which another order or fewer images change
    "add_labels": example(normal(6, 3, 4), ADDITIONS, exempt={"order", "degenerate"}, rivals=[[1], [0], []]),
    "crop": example(IMAGES),
    "joint_probability": example(normal(6, 3, 4), normal(6, 3, 4, seed=1), uniform(6, 3)),
    "joint_probability_over_pairs": example(normal(6, 3, 4), uniform(6, 3)),
    "label_embedding_encoder": example(IMAGES, labels=3, embedding_size=2, channels=[4, 8]),
    "labels_to_add": example((uniform(6, 3) < 0.5).float()),
    "occlude": example(IMAGES),
    "olr_decoder": example(normal(4, 3, 4), size=8, channels=1, width=0.1),
    "olr_reconstruction": example(IMAGES, OTHERS),
    "rescale": example(IMAGES),
    "row_leakage": example(normal(6, 3, 4), uniform(6, 3)),
    "structural_dissimilarity": example(IMAGES, OTHERS),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str) -> None:
    conform(name, "semreg-olr", EXAMPLES[name])


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-olr", without=("evaluation", "panel"))
