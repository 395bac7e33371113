"""What the tests of this plugin share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import refused_or_done, sentinel, tiny_run

__all__ = ["refused_or_done", "sentinel"]

RECIPE = """
[data]
use = "npz"
path = "things.npz"
classes = { thing = "things" }
batch_size = 8
range = [-1, 1]

[model]
input = "image"
code = ["z"]
output = "x_f"

[modules.encoder]
use = "mlp_encoder"
hidden = []
outputs = 4

[modules.decoder]
use = "mlp_decoder"
hidden = [8]
channels = 3
size = 8

[tensors]
z = "encoder(image)"
x_f = "decoder(z)"

[losses.rec]
use = "l2(x_f, image)"

[phases.main]
epochs = 1
train = { encoder = { rec = 1 }, decoder = { rec = 1 } }

[evaluate.inpainting]
use = "inpainting(image, x_f, thing)"
masks = ["right_half"]
fill = 0.25
"""

TOLD = """
extends = "tiny.toml"

[tensors]
x_f = "decoder(z, y)"

[tensors.y]
use = "one_hot(thing)"
classes = "@thing.classes"
"""


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of two tiny runs on images of 8 pixels from -1 to 1, whose data are gone; the second's decoder is
    told the class, one of round, square and long. Not to be changed."""
    root = tmp_path_factory.mktemp("gmprior")
    random = np.random.default_rng(0)
    images, things = random.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8), np.array(["round", "square", "long"] * 20)
    (root / "data").mkdir()
    np.savez(root / "data/things.npz", images=images, things=things)
    (root / "tiny.toml").write_text(RECIPE)
    (root / "told.toml").write_text(TOLD)
    folders = tiny_run(root / "tiny.toml"), tiny_run(root / "told.toml")
    (root / "data/things.npz").unlink()
    return folders
