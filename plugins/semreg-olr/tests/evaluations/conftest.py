"""Handles and runs made of tensors, for evaluations: no data set, no recipe, no training."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from semreg.core import AttributesField, ImageField
from semreg.testing import FakeRun

NAMES = ("Bald", "Smiling", "Wearing_Hat", "Mouth_Slightly_Open")
SIZE, ROW = 16, 4
PATCH = SIZE // len(NAMES)


def drawn(embedding: Tensor) -> Tensor:
    """Images `(batch, 3, 16, 16)` with a band of four lines per label, as bright as the norm of its row."""
    bands = embedding.norm(dim=2).repeat_interleave(PATCH, dim=1)
    return bands[:, None, :, None].expand(-1, 3, -1, SIZE).clone()


def seen(image: Tensor) -> Tensor:
    """The brightness of each label's band, as the probability of the label."""
    height = image.shape[-2]
    return image.mean(dim=(1, 3)).unflatten(1, (len(NAMES), height // len(NAMES))).mean(2).clamp(0, 1)


def embedded(image: Tensor) -> Tensor:
    """Rows as long as their label's band is bright."""
    return torch.nn.functional.pad(seen(image)[..., None], (0, ROW - 1))


def as_it_is(image: Tensor) -> Tensor:
    """The target of reconstructions is the image."""
    return image


def rows_of(labels: Tensor, seed: int) -> Tensor:
    """Embeddings whose rows are near (1, 0, 0, 0) where the label is present, and near zero where it is not."""
    noise = torch.randn(*labels.shape, ROW, generator=torch.Generator().manual_seed(seed)) * 0.02
    noise[..., 0] += labels
    return noise


def labels_of(count: int, seed: int) -> Tensor:
    """Every combination of the labels equally often but that of Bald and Wearing_Hat."""
    labels = (torch.rand(count, len(NAMES), generator=torch.Generator().manual_seed(seed)) < 0.5).float()
    labels[:, 2] *= 1 - labels[:, 0]
    return labels


class Drawings:
    """A data set that can draw its test images again: what they show is the labels' bands."""

    def __init__(self, labels: Tensor) -> None:
        self.labels = labels

    def redrawn(self, index: int, attribute: str) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
        """The image of a number with an attribute more; of Smiling there is none with an even number."""
        if attribute == "Smiling" and index % 2 == 0:
            return None
        labels = self.labels[index].clone()
        labels[NAMES.index(attribute)] = 1
        if attribute in ("Bald", "Wearing_Hat"):
            labels[2 if attribute == "Bald" else 0] = 0
        return (255 * drawn(labels[None, :, None])[0]).to(torch.uint8).numpy()


class DrawnRun(FakeRun):
    """A run on such a data set, whose test images begin after the others."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        every = torch.cat([self.tensors["attributes"][split] for split in ("train", "validation", "test")])
        first = len(every) - self.counts["test"]
        self.plan = SimpleNamespace(dataset=Drawings(every))
        self.data = SimpleNamespace(rows={"test": torch.arange(first, len(every))}.__getitem__)


@pytest.fixture
def world() -> FakeRun:
    """A run whose embeddings, reconstructions and classifier are as good as can be."""
    counts = {"train": 300, "validation": 60, "test": 80}
    labels = {split: labels_of(count, seed) for seed, (split, count) in enumerate(counts.items())}
    embedding = {split: rows_of(rows, 10 + seed) for seed, (split, rows) in enumerate(labels.items())}
    images = {split: drawn(rows[..., None]) for split, rows in labels.items()}
    return DrawnRun(
        tensors={
            "attributes": labels,
            "embedding": embedding,
            "image": images,
            "probability": {split: seen(rows) for split, rows in images.items()},
        },
        functions={"reconstruction": drawn, "probability": seen, "embedding": embedded, "image": as_it_is},
        fields={
            "attributes": AttributesField(NAMES, exclusive=(("Bald", "Wearing_Hat"),)),
            "image": ImageField(3, SIZE, SIZE),
        },
    )
