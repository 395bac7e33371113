"""Made-up images for where no data set is: of the shapes and labels that a recipe wants, or MNIST's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from semreg.core import AttributesField, ClassField, ImageField, Specification
from semreg.core.source import SPLITS
from semreg.data.dataset import Cached

SIZE, CLASSES = 28, 10
NOISE = 24
"""Of the pixels, in grey levels."""


def made_up(fields: Specification, count: int) -> Cached:
    """A data set of random pixels and labels, all in the training split but one image of ten, which validates."""
    generator = torch.Generator().manual_seed(0)
    arrays: dict[str, Tensor] = {}
    for name, field in fields.items():
        if isinstance(field, ImageField):
            shape = (count, field.channels, field.height, field.width)
            arrays[name] = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        elif isinstance(field, ClassField):
            arrays[name] = torch.arange(count) % len(field.names)
        elif isinstance(field, AttributesField):
            shape = (count, len(field.names))
            arrays[name] = torch.randint(0, 2, shape, generator=generator, dtype=torch.uint8)
        else:
            arrays[name] = torch.randn(count, field.size, generator=generator)
    split = torch.full((count,), SPLITS["train"], dtype=torch.uint8)
    split[::10] = SPLITS["validation"]
    return Cached(fields, arrays, split, "made up")


def write_mnist(root: Path, train: int, test: int) -> None:
    """Write MNIST's four files under a data root, of images that show their class.

    Each class is two soft blobs at places of its own, moved by up to two pixels, with noise.
    """
    random = np.random.default_rng(0)
    patterns = _patterns(random)
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for part, count in (("train", train), ("t10k", test)):
        digits = (np.arange(count) % CLASSES).astype(np.uint8)
        images = patterns[digits]
        moves = random.integers(-2, 3, (count, 2))
        for move in np.unique(moves, axis=0):
            chosen = (moves == move).all(axis=1)
            images[chosen] = np.roll(images[chosen], tuple(move), axis=(1, 2))
        noise = random.integers(-NOISE, NOISE + 1, images.shape, dtype=np.int16)
        pixels = (images.astype(np.int16) + noise).clip(0, 255).astype(np.uint8)
        _write(folder / f"{part}-images-idx3-ubyte", pixels)
        _write(folder / f"{part}-labels-idx1-ubyte", digits)


def _patterns(random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """An image of each class, uint8 `(classes, size, size)`."""
    at = np.arange(SIZE)
    blobs = np.zeros((CLASSES, SIZE, SIZE))
    for _ in range(2):
        y, x = random.integers(6, SIZE - 6, (2, CLASSES))
        down, across = at[None, :] - y[:, None], at[None, :] - x[:, None]
        blobs += np.exp(-(down[:, :, None] ** 2 + across[:, None, :] ** 2) / 12)
    return (255 * blobs.clip(0, 1)).astype(np.uint8)


def _write(path: Path, array: npt.NDArray[np.uint8]) -> None:
    """Write an array of bytes in the idx format: two zeros, type (8: uint8), number of dimensions, sizes, data."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes())
