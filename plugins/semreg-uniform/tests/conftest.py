"""What the tests of this plugin share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

from tests.conftest import refused_or_done, sentinel, tiny_run

__all__ = ["refused_or_done", "sentinel"]

Seen = list[tuple[str, tuple[int, ...]]]

RECIPE = """
[each]
m = ["shape", "tone"]

[data]
use = "npz"
path = "things.npz"
classes = { shape = "shapes", tone = "tones" }
batch_size = 8
range = [-1, 1]

[model]
input = "image"
code = ["z_0", "z_{m}"]
output = "x_f"
attributes = { "{m}" = "z_{m}" }

[modules.encoder_0]
use = "mlp_encoder"
hidden = []
outputs = 2

[modules."encoder_{m}"]
use = "mlp_encoder"
hidden = []
outputs = 3

[modules.decoder]
use = "mlp_decoder"
hidden = [8]
channels = 1
size = 8

[tensors]
z_0 = "encoder_0(image)"
"z_{m}" = "encoder_{m}(image)"
x_f = "decoder(z_0, *z_{m})"

[losses.rec]
use = "l1(x_f, image)"

[phases.main]
epochs = 1

[phases.main.train]
"encoder_{m}" = { rec = 1 }
encoder_0 = { rec = 1 }
decoder = { rec = 1 }

[evaluate.transfer]
use = "attribute_transfer(image, x_f, z_0, *z_{m}, *{m})"
judge = "judge.toml"
pairs = 20
"""

JUDGE = """
[each]
m = ["shape", "tone"]

[data]
use = "npz"
path = "things.npz"
batch_size = 8

[modules."classifier_{m}"]
use = "mlp_encoder"
hidden = []
outputs = "@{m}.classes"

[tensors]
"logits_{m}" = "classifier_{m}(image)"
"probability_{m}" = "softmax(logits_{m})"

[losses."label_{m}"]
use = "cross_entropy(logits_{m}, {m})"

[phases.main]
epochs = 1

[phases.main.train]
"classifier_{m}" = { "label_{m}" = 1 }
"""


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny run with a code for each of two attributes and one for the rest, on grey images of 8 pixels
    from -1 to 1, whose data are gone. Not to be changed."""
    root = tmp_path_factory.mktemp("uniform")
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    (root / "data").mkdir()
    np.savez(root / "data/things.npz", images=images, shapes=np.arange(60) % 3, tones=np.arange(60) // 3 % 2)
    (root / "tiny.toml").write_text(RECIPE)
    (root / "judge.toml").write_text(JUDGE)
    folder = tiny_run(root / "tiny.toml")
    (root / "data/things.npz").unlink()
    return folder


@pytest.fixture
def shapes_of() -> Callable[[nn.Module, Sequence[Tensor], tuple[type[nn.Module], ...]], Seen]:
    """The layers of some kinds that inputs pass through, in order, with the shape that leaves each (no batch axis)."""

    def run(module: nn.Module, inputs: Sequence[Tensor], kinds: tuple[type[nn.Module], ...]) -> Seen:
        seen: Seen = []
        for layer in module.modules():
            if isinstance(layer, kinds):
                layer.register_forward_hook(
                    lambda layer, _, output: seen.append((type(layer).__name__, tuple(output.shape[1:])))
                )
        module(*inputs)
        return seen

    return run
