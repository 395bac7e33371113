"""Handles and runs made of tensors, for evaluations: no data set, no recipe, no training."""

from __future__ import annotations

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


@pytest.fixture
def world() -> FakeRun:
    """A run whose embeddings, reconstructions and classifier are as good as can be."""
    counts = {"train": 300, "validation": 60, "test": 80}
    labels = {split: labels_of(count, seed) for seed, (split, count) in enumerate(counts.items())}
    embedding = {split: rows_of(rows, 10 + seed) for seed, (split, rows) in enumerate(labels.items())}
    images = {split: drawn(rows[..., None]) for split, rows in labels.items()}
    return FakeRun(
        tensors={
            "attributes": labels,
            "embedding": embedding,
            "image": images,
            "probability": {split: seen(rows) for split, rows in images.items()},
        },
        functions={"reconstruction": drawn, "probability": seen},
        fields={
            "attributes": AttributesField(NAMES, exclusive=(("Bald", "Wearing_Hat"),)),
            "image": ImageField(3, SIZE, SIZE),
        },
    )
