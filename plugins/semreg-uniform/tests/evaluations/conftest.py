"""A model of two attributes made of tensors, whose images show its codes; no data set, no recipe, no training."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from semreg.core import ClassField, ImageField
from semreg.testing import FakeRun

SIZE, REACH = 4, 10
SHAPES, TONES = ("round", "oval", "long"), ("dark", "light")


def drawn(z_0: Tensor, z_shape: Tensor, z_tone: Tensor) -> Tensor:
    """Images `(rows, 1, 4, 4)` whose first three lines show the codes."""
    lines = [code.flatten(1)[:, :1] / REACH for code in (z_0, z_shape, z_tone)]
    return torch.stack([*lines, torch.zeros_like(lines[0])], 2)[:, :, :, None].expand(-1, -1, -1, SIZE).clone()


def sees(line: int, classes: int) -> object:
    """A judge who sees the class whose number is nearest to what a line shows."""
    return lambda image: torch.eye(classes)[(REACH * image[:, 0, line, 0]).round().long().clamp(0, classes - 1)]


class Reader(nn.Module):
    """A classifier of codes: the `sure`r, the more probable is the class whose number a code shows."""

    def __init__(self, classes: int, sure: float = 1.0) -> None:
        super().__init__()
        self.classes, self.sure = classes, sure

    def class_logits(self, codes: Tensor) -> Tensor:
        return -self.sure * (codes.flatten(1)[:, :1] - torch.arange(self.classes)).square()


@pytest.fixture
def reader() -> type[Reader]:
    """`reader(classes, sure)` is a classifier of `world`'s codes."""
    return Reader


@pytest.fixture
def world() -> FakeRun:
    """Spatial codes `(rows, 1, 2, 2)` whose numbers are near the number of their class; the rest is noise."""
    generator = torch.Generator().manual_seed(0)
    labels: dict[str, dict[str, Tensor]] = {"shape": {}, "tone": {}}
    codes: dict[str, dict[str, Tensor]] = {"z_0": {}, "z_shape": {}, "z_tone": {}, "image": {}}
    for split, rows in (("train", 60), ("validation", 30), ("test", 36)):
        labels["shape"][split], labels["tone"][split] = torch.arange(rows) % 3, torch.arange(rows) // 3 % 2
        codes["z_0"][split] = torch.rand(rows, 1, 2, 2, generator=generator)
        for name, label in labels.items():
            noise = 0.1 * torch.rand(rows, 1, 2, 2, generator=generator)
            codes[f"z_{name}"][split] = label[split][:, None, None, None] + noise
        codes["image"][split] = drawn(*(codes[name][split] for name in ("z_0", "z_shape", "z_tone")))
    return FakeRun(
        tensors=codes | labels,
        functions={  # type: ignore[dict-item]
            "x_f": drawn,
            "probability_shape": sees(1, 3),
            "probability_tone": sees(2, 2),
            "features": lambda image: image[:, 0, :3, 0],
        },
        fields={"shape": ClassField(SHAPES), "tone": ClassField(TONES), "image": ImageField(1, SIZE, SIZE)},
    )


@pytest.fixture
def recorded(world: FakeRun) -> list[dict[str, Tensor]]:
    """The codes of each call of `world`'s decoder."""
    calls: list[dict[str, Tensor]] = []
    draw = world.functions["x_f"]

    def watched(**codes: Tensor) -> Tensor:
        calls.append(codes)
        return draw(**codes)

    world.functions["x_f"] = watched
    return calls
