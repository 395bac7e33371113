"""The plugin's components pass the conformance kit."""

from __future__ import annotations

import pytest
import torch
from semreg_vae.quantization import Quantized
from semreg_vae.quantizers import VectorQuantizer
from torch import nn

from semreg.components.priors import StandardNormal
from semreg.core import DiagonalGaussian
from semreg.testing import FakeRun
from tests.conforming import LABELS, Example, conform, evaluation, example, names, normal

CODE = 24
"""So wide that the kit, which enlarges batches as far as a second of their quadratic time goes, is done soon."""
POSTERIOR = DiagonalGaussian(normal(6, CODE), normal(6, CODE, seed=1))
CODES = normal(6, CODE, seed=2)
PRIOR = StandardNormal(size=CODE)
SHAPES = frozenset({"refusals"})
"""Of what has one input, which the critic takes or refuses in its own words."""
PARTS = frozenset({"order", "halves"})
"""Of the operation that gives several rows for each: the kit compares row by row."""


QUANTIZED = Quantized(CODES, torch.stack([normal(6, CODE, seed=4), normal(6, CODE, seed=5)], 1), LABELS[:, None])
STRAIGHT = frozenset({"gradient"})
"""Of what stops gradients on purpose: finite differences see both sides."""
MAPS = normal(6, 4, 3, 3)


def quantizer() -> VectorQuantizer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return VectorQuantizer(size=4, input_shapes=[(CODE,)]).eval()


def quantized_run() -> FakeRun:
    """A run whose q is what a quantiser makes of random codes."""
    book = quantizer()
    splits = {split: book(normal(20, CODE, seed=seed)) for seed, split in enumerate(("train", "validation", "test"))}
    return FakeRun(tensors={"q": splits}, functions={}, fields={}, modules={"book": book})


def critic() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(CODE, 8), nn.Tanh(), nn.Linear(8, 1))


EXAMPLES: dict[str, Example] = {
    "codebook_loss": example(QUANTIZED, exempt=STRAIGHT),
    "codebook_usage": evaluation(quantized_run(), "q book"),
    "commitment": example(QUANTIZED, exempt=STRAIGHT),
    "dimension_wise_kl": example(CODES, POSTERIOR),
    "dip_regularizer": example(POSTERIOR, form="I", diagonal=10.0),
    "finite_scalar_quantizer": example(MAPS, levels=[7, 5, 5, 3]),
    "free_bits": example(POSTERIOR, PRIOR, free=0.5),
    "hsic": example(CODES, LABELS),
    # as many draws as images: more are no matter of the kit, which takes rows of all inputs together
    "importance_weighted_bound": example(normal(6, 1, 2, 2), normal(6, 1, 2, 2, seed=1), CODES, POSTERIOR, PRIOR),
    "index_code_information": example(CODES, POSTERIOR),
    "info_nce": example(CODES, normal(6, CODE, seed=3), temperature=0.5),
    "kl_capacity": example(POSTERIOR, PRIOR, capacity=3.0),
    "log_density_ratio": example(normal(6, 1)),
    "mmd": example(CODES, normal(6, CODE, seed=3), kernel="gaussian"),
    "permuted_dimensions": example(CODES),
    "quantized": example(QUANTIZED, exempt=STRAIGHT),
    "r1_penalty": example(critic(), CODES, exempt=SHAPES),
    "r2_penalty": example(critic(), CODES, exempt=SHAPES),
    "repeated": example(POSTERIOR, exempt=PARTS, count=3),
    "residual_quantizer": example(MAPS, size=8, stages=2),
    "sliced_wasserstein": example(CODES, normal(6, CODE, seed=3), directions=5),
    "total_correlation": example(CODES, POSTERIOR, estimator="stratified", images=100),
    "vector_quantizer": example(CODES, size=8, learns="gradient"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_conforms(name: str) -> None:
    conform(name, "semreg-vae", EXAMPLES[name])


def test_none_is_forgotten() -> None:
    assert set(EXAMPLES) == names("semreg-vae")
