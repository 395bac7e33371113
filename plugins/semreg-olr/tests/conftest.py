"""What the tests of this plugin share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import refused_or_done, sentinel, tiny_run

__all__ = ["refused_or_done", "sentinel"]

NAMES = ("Bald", "Smiling", "Wearing_Hat", "Young")

RECIPE = """
[data]
use = "npz"
path = "marks.npz"
attributes = "marks"
attribute_names = "names"
exclusive = [["Bald", "Wearing_Hat"]]
batch_size = 8

[model]
input = "image"
target = "target"
code = ["embedding"]
output = "reconstruction"
attributes = { attributes = "embedding" }

[modules.siamese]
use = "label_embedding_encoder"
labels = "@attributes.count"
embedding_size = 3
channels = [4]
activation = "none"

[modules.decoder]
use = "mlp_decoder"
hidden = [8]
channels = 3
size = 6

[tensors]
embedding = "siamese(image)"
reconstruction = "decoder(embedding)"

[tensors.target]
use = "crop(image)"
pixels = 1

[losses.pair]
use = "joint_probability_over_pairs(embedding, attributes)"

[losses.error]
use = "l2(reconstruction, target)"

[phases.main]
epochs = 1
train = { siamese = { pair = 1 }, decoder = { error = 1 } }

[evaluate.editing]
use = "attribute_editing(embedding, reconstruction, attributes, target)"
judge = "judge.toml"
scale = 2.0
"""

JUDGE = """
[data]
use = "npz"
path = "marks.npz"
batch_size = 8

[modules.classifier]
use = "mlp_encoder"
outputs = "@attributes.count"

[tensors]
logits = "classifier(image)"
probability = "sigmoid(logits)"

[losses.labels]
use = "binary_cross_entropy(logits, attributes)"

[phases.main]
epochs = 1
train = { classifier = { labels = 1 } }
"""


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny run of OLR on images of 8 pixels, decoded to 6, of which none is Young; its data lie in
    `data` beside the folder of all runs. Not to be changed."""
    root = tmp_path_factory.mktemp("olr")
    random = np.random.default_rng(0)
    marks = random.random((60, 4)) < 0.5
    marks[:, 2] &= ~marks[:, 0]
    marks[:, 3] = False
    images = random.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    (root / "data").mkdir()
    np.savez(root / "data/marks.npz", images=images, marks=marks.astype(np.uint8), names=np.array(NAMES))
    (root / "tiny.toml").write_text(RECIPE)
    (root / "judge.toml").write_text(JUDGE)
    return tiny_run(root / "tiny.toml")
