"""Codes and factors of which is known what each metric must say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor


def _grid(*sizes: int, images: int = 400) -> Tensor:
    """Every combination of classes equally often, int64 `(images, factors)`, about so many images."""
    rows = torch.cartesian_prod(*map(torch.arange, sizes)).reshape(-1, len(sizes))
    return rows.repeat(-(-images // len(rows)), 1)


def _noise(rows: int, columns: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="session")
def grid() -> Callable[..., Tensor]:
    """`grid(2, 3, images=400)`: factors of 2 and 3 classes, independent of each other."""
    return _grid


@pytest.fixture(scope="session")
def noise() -> Callable[..., Tensor]:
    """`noise(rows, columns, seed)`: codes that know nothing, from the standard normal distribution."""
    return _noise


def _mixed(factors: Tensor, columns: int, seed: int) -> Tensor:
    return factors.double() @ _noise(factors.shape[1], columns, seed) + 0.3 * _noise(len(factors), columns, seed + 1)


@pytest.fixture(scope="session")
def mixed() -> Callable[..., Tensor]:
    """`mixed(factors, columns, seed)`: codes that tell the factors, each dimension something of each, with noise."""
    return _mixed
