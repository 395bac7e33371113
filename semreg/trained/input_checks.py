"""Checks of the inputs that a trained run encodes and decodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semreg.core import ImageField, TrainedRun, VectorField
from semreg.core.registry import with_article
from semreg.trained.in_memory import from_memory

BEYOND = 0.5
"""How far values may be outside the range of images, in widths of it: a decoder's own may be a little outside."""


def expected_images(run: TrainedRun, images: Any, what: str = "encode") -> Tensor:
    """Return the argument of the call `what` as float32, if it has the type of the run's input, or is images in memory.

    Raises ValueError with the expected and the given type.
    """
    field = run.fields.get(run.roles.input)
    shape = shape_of(field)
    low, high = run.value_range
    expected = f"{what} expects {_rows(shape)}" + (f" in [{low:g}, {high:g}]" if isinstance(field, ImageField) else "")
    if isinstance(images, np.ndarray) and images.dtype.kind == "f":
        images = torch.from_numpy(images)
    if isinstance(field, ImageField) and not isinstance(images, Tensor):
        taken = from_memory(run, images, field, expected)
        if taken is not None:
            return taken
    values = _floats(images, shape, expected)
    if isinstance(field, ImageField):
        least, most, room = float(values.min()), float(values.max()), BEYOND * (high - low)
        if not low - room <= least <= most <= high + room:
            raise ValueError(f"{expected}; found {_shown(values.shape)} in [{least:g}, {most:g}]")
    return values


def expected_codes(
    names: Sequence[str], shapes: Sequence[tuple[int, ...] | None], codes: Sequence[Any]
) -> list[Tensor]:
    """Return the codes of these names as float32, if they have the shapes of one image's, as far as these are known.

    Raises ValueError with the expected and the given shape.
    """
    whole = ", ".join(f"{name} {_rows(shape)}" for name, shape in zip(names, shapes, strict=True))
    expected = f"decode expects {whole}"
    if len(codes) != len(names):
        raise ValueError(f"{expected}; {len(codes)} given")
    values = [_floats(code, shape, expected) for code, shape in zip(codes, shapes, strict=True)]
    if len({len(value) for value in values}) > 1:
        raise ValueError(f"{expected} with one n; found {', '.join(_shown(value.shape) for value in values)}")
    return values


def shape_of(field: object) -> tuple[int, ...] | None:
    """Return the shape of one row of a field of images or vectors; None for other fields."""
    if isinstance(field, ImageField):
        return field.channels, field.height, field.width
    return (field.size,) if isinstance(field, VectorField) else None


def _floats(value: Any, shape: tuple[int, ...] | None, expected: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise ValueError(f"{expected}, a tensor; found {with_article(type(value).__name__)}")
    if not value.is_floating_point():
        ends = f" in [{value.min()}, {value.max()}]" if value.numel() else ""
        raise ValueError(f"{expected}, floats; found {_kind(value)} {_shown(value.shape)}{ends}")
    if not value.ndim or not len(value) or (shape is not None and value.shape[1:] != shape):
        raise ValueError(f"{expected}; found {_shown(value.shape)}")
    if not value.isfinite().all():
        raise ValueError(f"{expected}; found {_shown(value.shape)} with values that are not finite")
    return value.float()


def _kind(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _rows(shape: tuple[int, ...] | None) -> str:
    """Return the shape of n rows of a known or unknown shape."""
    return f"({', '.join(['n', *map(str, shape if shape is not None else '…')])})"


def _shown(shape: torch.Size) -> str:
    return str(tuple(shape))
