"""A run whose codes know all of its factors, and labels of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from semreg_disentanglement.evaluations import common
from torch import Tensor

from semreg.core import KNOWN, AttributesField, ClassField, ImageField, Picture, VectorField
from semreg.pictures import png
from semreg.testing import FakeRun


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Picture]:
    """Pictures are not drawn, which takes most of the time; returns what draws them."""

    drawn = png(torch.zeros(1, 2, 2), (0, 1))

    def noted(title: str, matrix: Tensor, rows: list[str], columns: list[str], *, caption: str, **_: Any) -> Picture:
        assert matrix.shape == (len(rows), len(columns))
        return Picture(title, drawn, caption)

    drawing = common.heat_map
    monkeypatch.setattr(common, "heat_map", noted)
    return drawing


@pytest.fixture
def run(grid: Callable[..., Tensor], noise: Callable[..., Tensor]) -> FakeRun:
    """`z` is noise, a constant, minus the size and the shape; `maps` has it as the mean over places."""
    factors = grid(2, 3, images=240)
    z = torch.stack([noise(240, 1)[:, 0], torch.ones(240), -5.0 * factors[:, 1], factors[:, 0]], 1).float()
    waves = torch.tensor([[1.0, -1.0], [-2.0, 2.0]])
    known = torch.ones(240, 2)
    known[:15, 1] = 0
    rows = {
        "z": z,
        "maps": z[:, :, None, None] + waves,
        "rows": z.reshape(240, 2, 2),
        "image": torch.zeros(240, 1, 2, 2),
        "shape": factors[:, 0],
        "size": factors[:, 1],
        "one": torch.zeros(240, dtype=torch.int64),
        "attributes": torch.stack([factors[:, 0].float(), (factors[:, 1] > 0).float()], 1),
        "attributes" + KNOWN: known,
        "place": noise(240, 2, 5).float(),
    }
    return FakeRun(
        tensors={name: {"test": values, "train": values[:120]} for name, values in rows.items()},
        functions={},
        fields={
            "image": ImageField(1, 2, 2),
            "shape": ClassField(("round", "square")),
            "size": ClassField(("small", "middle", "large"), "line"),
            "one": ClassField(("a", "b")),
            "attributes": AttributesField(("square", "not_small")),
            "attributes" + KNOWN: AttributesField(("square", "not_small")),
            "place": VectorField(2),
        },
    )
