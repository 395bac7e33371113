"""Runs made of tensors, whose codes lie on a circle or a line; no data set, no recipe, no training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from semreg.core import ClassField, ImageField
from semreg.testing import FakeRun
from tests.conftest import register

__all__ = ["register"]

SIZE, REACH = 8, 16
Eye = Callable[[Tensor], Tensor]


def drawn(z: Tensor) -> Tensor:
    """Images `(batch, 1, 8, 8)`: the first number of a code is the grey of the upper half, the second of the lower."""
    halves = (0.5 + z / REACH).repeat_interleave(SIZE // 2, dim=1)
    return halves[:, None, :, None].expand(-1, 1, -1, SIZE).clone()


def shown(image: Tensor) -> Tensor:
    """The codes `(batch, 2)` that images show."""
    return (image[:, 0, :: SIZE // 2, 0] - 0.5) * REACH


def turning(classes: int) -> Eye:
    """The class whose direction is nearest."""
    return lambda z: (torch.atan2(z[:, 1], z[:, 0]) / (2 * math.pi / classes)).round().long() % classes


def counting(classes: int) -> Eye:
    """The class whose number is nearest to the first of a code."""
    return lambda z: z[:, 0].round().long().clamp(0, classes - 1)


def made(field: ClassField, place: Callable[[Tensor], Tensor], eye: Eye) -> FakeRun:
    """Codes near the place of their class, a decoder that shows them, and a judge who sees what it shows."""
    generator, classes = torch.Generator().manual_seed(0), len(field.names)
    labels = {split: torch.arange(20 * classes) % classes for split in ("train", "test")}
    codes = {
        split: place(values + 0.1 * torch.randn(len(values), generator=generator)) for split, values in labels.items()
    }
    return FakeRun(
        tensors={"z": codes, "digit": labels, "image": {split: drawn(rows) for split, rows in codes.items()}},
        functions={"reconstruction": drawn, "probability": lambda image: torch.eye(classes)[eye(shown(image))]},
        fields={"digit": field, "image": ImageField(1, SIZE, SIZE)},
    )


@pytest.fixture
def ring() -> FakeRun:
    """Six classes evenly round a circle of radius 4."""

    def place(values: Tensor) -> Tensor:
        return 4 * torch.stack([(values * math.pi / 3).cos(), (values * math.pi / 3).sin()], 1)

    return made(ClassField(tuple("abcdef"), "ring"), place, turning(6))


@pytest.fixture
def line() -> FakeRun:
    """Five classes evenly along a line."""
    return made(ClassField(tuple("abcde"), "line"), lambda values: torch.stack([values, 0 * values], 1), counting(5))


def angle(z: Tensor) -> Tensor:
    return torch.atan2(z[:, 1:], z[:, :1])


def arc(a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
    """Along the circle, the shorter way."""
    turn = (angle(b) - angle(a) + math.pi) % (2 * math.pi) - math.pi
    place = angle(a) + weight * turn
    return 4 * torch.cat([place.cos(), place.sin()], 1)


class Fitted:
    """Along the circle, the shorter way, and between opposite classes the ascending or the descending way."""

    def __init__(self, *, ascending: bool = True) -> None:
        self.ascending = ascending

    def fit(self, codes: Tensor, labels: Tensor, order: str) -> None:
        pass

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        turn = (angle(b) - angle(a) + math.pi) % (2 * math.pi) - math.pi
        sign = 1 if self.ascending else -1
        turn = torch.where((turn.abs() > 2.5) & (turn * sign < 0), turn + sign * 2 * math.pi, turn)
        place = angle(a) + weight * turn
        return 4 * torch.cat([place.cos(), place.sin()], 1)


def jump(a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
    """One endpoint or the other."""
    return torch.where(torch.as_tensor(weight) < 0.5, a, b)


def stumble(a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
    """Along the circle, with one step to the opposite side."""
    weight = torch.as_tensor(weight)
    return torch.where((weight > 0.05) & (weight < 0.1), -arc(a, b, weight), arc(a, b, weight))


@pytest.fixture
def ways(register: Callable[[str, str, Any], None]) -> None:
    """Interpolators whose strips are known."""
    for name, value in {"arc": arc, "fitted": Fitted, "jump": jump, "stumble": stumble}.items():
        register("interpolator", name, value)
