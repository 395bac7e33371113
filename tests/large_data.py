"""A process that evaluates a set ten times as large as the memory it is allowed: `python tests/large_data.py FOLDER`.

It trains a small autoencoder on a few images, does every evaluation on them, so that all is loaded, puts a large set in
their place, and forbids itself more than LIMIT bytes beyond what it has.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import semreg
from semreg.components.priors import StandardNormal
from semreg.core import ClassField, ImageField, Result, Source, Specification, registry
from semreg.core.memory import out_of_memory
from semreg.data.cache import cached
from semreg.data.images import ImageArray
from semreg.data.splits import drawn_split
from semreg.evaluation.diversity import intra_class_diversity
from semreg.evaluation.leakage import leakage
from semreg.evaluation.probes import knn, linear_probe
from semreg.evaluation.projections import tsne
from semreg.evaluation.samples import fid
from semreg.evaluation.standard import divergence, reconstructions
from semreg.trained import Run, rows
from semreg.trained.read_cache import ReadCache

LIMIT = 96 * 2**20
SIZE, FEW = 32, 600
MANY = 10 * LIMIT // (3 * SIZE * SIZE)
RECIPE = """
[data]
use = "noise"
batch_size = 60
[model]
input = "image"
code = ["z"]
output = "reconstruction"
[modules.encoder]
use = "mlp_encoder"
outputs = 4
hidden = []
[modules.decoder]
use = "mlp_decoder"
hidden = []
channels = "@image.channels"
size = "@image.size"
[tensors]
posterior = "diagonal_gaussian(encoder(image))"
z = "sample(posterior)"
reconstruction = "decoder(z)"
features = "encoder(image)"
[losses.rec]
use = "l2(reconstruction, image)"
[optimizer]
lr = 1e-3
[phases.main]
epochs = 1
[phases.main.train]
encoder = { rec = 1 }
decoder = { rec = 1 }
"""


class Noise:
    """Images of noise, of three classes of brightness; a tenth of them to train on."""

    def __init__(self, *, count: int = FEW) -> None:
        self.count = count

    def specification(self) -> Specification:
        return {"image": ImageField(3, SIZE, SIZE), "kind": ClassField(("a", "b", "c"))}

    def locate(self) -> None:
        pass

    def source(self) -> Source:
        kinds = np.arange(self.count, dtype=np.int64) % 3
        random = np.random.default_rng(0)
        pixels = random.integers(0, 128, (self.count, 3, SIZE, SIZE), dtype=np.uint8)
        pixels += 60 * kinds[:, None, None, None].astype(np.uint8)
        split = drawn_split(self.count, test=0.9, classes=kinds)
        return Source({"kind": kinds}, split, ImageArray(pixels, (SIZE, SIZE)), {"count": self.count})


def results(run: Run) -> dict[str, Result]:
    """Every evaluation that this autoencoder can have."""
    image, z, copy, kind, posterior = map(run.tensor, ("image", "z", "reconstruction", "kind", "posterior"))
    return {
        "reconstructions": reconstructions(image, copy, count=10**9),
        "linear_probe": linear_probe(z, kind),
        "knn": knn(z, kind),
        "leakage": leakage(z, kind, count=500, hidden=[4], epochs=2),
        "tsne": tsne(z, kind, count=40, perplexity=5.0, generator=torch.Generator().manual_seed(0)),
        "divergence": divergence(posterior, StandardNormal(size=2)),
        "fid": fid(copy, image, judge=run),
        "intra_class_diversity": intra_class_diversity(copy, kind, image, count=4),
    }


def data_bytes() -> int:
    """The private memory of this process that may be written to, which is what RLIMIT_DATA counts (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmData"))


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    registry.register("dataset", "noise", Noise)
    (folder / "recipe.toml").write_text(RECIPE)
    run = semreg.run(folder / "recipe.toml", out=folder / "runs", device="cpu")
    results(run)
    cached(Noise(count=MANY), workers=1)  # builds it
    large: Any = cached(Noise(count=MANY))
    run = Run(run.folder, run.plan, run.modules, large, run.device, run.seed)
    run.kept = ReadCache(LIMIT // 4)
    rows.NUMBERS_AT_ONCE = 2**20
    assert large.column("image").nbytes > 9.9 * LIMIT
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + LIMIT, -1))
    with pytest.raises(RuntimeError) as raised:
        run.tensor("image").read("test")
    assert out_of_memory(raised.value), "the limit is one"
    for name, result in results(run).items():
        print(name, result.figures)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
