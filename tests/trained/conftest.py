"""A trained run whose recipe says what its codes, its classes and its samples are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import semreg
from semreg.core import DataMissing, Specification
from semreg.trained.run import Run
from tests.conftest import ToyData
from tests.running.conftest import evaluations, stopped, trained

__all__ = ["evaluations", "stopped", "trained"]

PRIOR = '[model.prior]\nz = "prior"\n'
KINDS = '[model.attributes]\nkind = "z"\n'
CLASSES = """
[model]
sample = "drawn"
[modules.painter]
use = "mlp_decoder"
hidden = []
channels = 1
size = 4
[tensors]
y = { use = "one_hot(kind)", classes = "@kind.classes" }
drawn = "painter(concatenate(y, draw_like(prior, z)))"
[losses.paint]
use = "l2(drawn, image)"
[phases.main.train]
painter = { paint = 1 }
"""

Train = Callable[..., Run]


class Elsewhere(ToyData):
    """A data set that may be on another machine, such that not even its fields are known here."""

    gone = False

    def specification(self) -> Specification:
        self.locate()
        return super().specification()

    def locate(self) -> None:
        if type(self).gone:
            raise DataMissing("", "Elsewhere not found under data (looked for toy.bin); copy it")


@pytest.fixture
def train(toy: Callable[..., Path], no_hooks: None, tmp_path: Path) -> Train:
    """`train(text)` trains the toy autoencoder, whose nets show any difference, and what the text has beside it."""
    linear = ["modules.encoder.hidden=[]", "modules.decoder.hidden=[]"]

    def train(text: str = "") -> Run:
        return semreg.run(toy(text), overrides=linear, out=tmp_path / "runs", device="cpu")

    return train


def bent(a: Tensor, b: Tensor, weight: Tensor | float, *, height: float = 1.0) -> Tensor:
    """From one code to the other by way of codes that are `height` away."""
    weight = torch.as_tensor(weight)
    return torch.lerp(a, b, weight) + height * weight * (1 - weight)


class Fitted:
    """The straight line, moved in the middle towards the mean of the training codes, times `share`."""

    def __init__(self, *, share: float = 1.0) -> None:
        self.share = share
        self.mean: Tensor | None = None

    def fit(self, codes: Tensor, labels: Tensor, order: str) -> None:
        assert labels.shape == codes.shape[:1]
        assert order == "line"
        self.mean = codes.mean(0)

    def state(self) -> dict[str, Tensor]:
        assert self.mean is not None
        return {"mean": self.mean}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.mean = state["mean"]

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        assert self.mean is not None
        weight = torch.as_tensor(weight)
        return torch.lerp(a, b, weight) + 4 * weight * (1 - weight) * self.share * self.mean


def lengthened(a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
    """Not from the one to the other."""
    return 2 * torch.lerp(a, b, torch.as_tensor(weight))


@pytest.fixture
def ways(register: Callable[[str, str, Any], None]) -> None:
    """Interpolators whose paths are known."""
    for name, value in {"bent": bent, "fitted": Fitted, "lengthened": lengthened}.items():
        register("interpolator", name, value)
