"""A run made of tensors, for evaluations of codes by class: no data set, no recipe, no training."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from semreg.core import ClassField, ImageField
from semreg.testing import FakeRun

CLASSES, SIZE, MIDDLE, REACH = 5, 4, 0.5, 0.4


def drawn(z: Tensor) -> Tensor:
    """Images `(batch, 1, 4, 4)` whose columns show the two numbers of a code in turn."""
    return (MIDDLE + REACH * z).repeat(1, SIZE // 2)[:, None, None, :].expand(-1, 1, SIZE, -1).clone()


def seen(image: Tensor) -> Tensor:
    """The class whose direction is nearest to the code that an image shows, with probability 1."""
    x, y = ((image[:, 0, 0, :2] - MIDDLE) / REACH).unbind(1)
    nearest = (torch.atan2(y, x) / (2 * math.pi / CLASSES)).round().long() % CLASSES
    return torch.eye(CLASSES)[nearest]


@pytest.fixture
def world() -> FakeRun:
    """Codes close to five points on a circle in the plane, a decoder that shows them, and a judge who sees them."""
    generator = torch.Generator().manual_seed(0)
    labels = {split: torch.arange(count) % CLASSES for split, count in (("train", 100), ("test", 60))}
    codes = {}
    for split, values in labels.items():
        angle = 2 * math.pi / CLASSES * values + 0.1 * torch.randn(len(values), generator=generator)
        codes[split] = torch.stack([angle.cos(), angle.sin()], 1)
    return FakeRun(
        tensors={"z": codes, "digit": labels, "image": {split: drawn(rows) for split, rows in codes.items()}},
        functions={"reconstruction": drawn, "probability": seen},
        fields={
            "digit": ClassField(("zero", "one", "two", "three", "four"), "ring"),
            "image": ImageField(1, SIZE, SIZE),
        },
    )
