"""A run of two codes made of tensors: no data set, no recipe, no training."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from semreg_gmprior.prior import GaussianMixture
from torch import Tensor

from semreg.components.priors import StandardNormal
from semreg.core import ClassField, ImageField
from semreg.testing import FakeRun

SIZE, REACH, CLASSES = 8, 16, 3


def drawn(z_s: Tensor, z_u: Tensor) -> Tensor:
    """Images `(batch, 1, 8, 8)`: the upper half shows the first number of z_s, the lower one two of the three of z_u,
    the first of them in full and the second in half."""
    values = torch.stack([z_s[:, 0], z_s[:, 0], z_u[:, 0], z_u[:, 1] / 2], 1).view(-1, 2, 2)
    return (0.5 + values / REACH).repeat_interleave(SIZE // 2, 1).repeat_interleave(SIZE // 2, 2)[:, None]


def seen(image: Tensor) -> Tensor:
    """The class whose number is nearest to what the upper half shows, with probability 1."""
    return torch.eye(CLASSES)[((image[:, 0, 0, 0] - 0.5) * REACH).round().long().clamp(0, CLASSES - 1)]


class TwoCodes(FakeRun):
    """Such a run, which keeps the codes that its decoder was given."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.given: list[tuple[Tensor, Tensor]] = []

    def decode(self, z_s: Tensor, z_u: Tensor) -> Tensor:
        self.given.append((z_s, z_u))
        return drawn(z_s, z_u)


@pytest.fixture
def world() -> TwoCodes:
    """z_s lies near the number of its class, z_u anywhere."""
    generator = torch.Generator().manual_seed(0)
    labels = {split: torch.arange(count) % CLASSES for split, count in (("train", 30), ("test", 60))}
    codes = {
        "z_s": {
            split: torch.stack([values + 0.1 * torch.randn(len(values), generator=generator), 0 * values], 1)
            for split, values in labels.items()
        },
        "z_u": {split: torch.randn(len(values), 3, generator=generator) for split, values in labels.items()},
    }
    images = {split: drawn(codes["z_s"][split], codes["z_u"][split]) for split in labels}
    prior = GaussianMixture(classes=CLASSES, size=2)
    with torch.no_grad():
        prior.means.copy_(torch.tensor([[0.0, 0], [1, 0], [2, 0]]))
        prior.log_variances.copy_(torch.tensor([[-2.0, 1], [-3, 0], [-40, -1]]))
    run = TwoCodes(
        tensors={**codes, "digit": labels, "image": images},
        functions={"probability": seen},
        fields={"digit": ClassField(tuple("abc")), "image": ImageField(1, SIZE, SIZE)},
        modules={"prior_s": prior, "prior_u": StandardNormal(size=3)},
    )
    run.functions["x_f"] = run.decode
    return run
