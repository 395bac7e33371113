"""Images in memory as inputs of a trained run: NumPy arrays and Pillow images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict, get_args

import numpy as np
import torch
from torch import Tensor

from semreg.core import ImageField, TrainedRun
from semreg.core.registry import with_article
from semreg.data.images import Pixels, as_pixels
from semreg.data.pixels import Background, Filter, WhiteError
from semreg.store.disk import read_object
from semreg.store.layout import RECORD
from semreg.store.reading import as_written

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS = (1, 3, 4)
"""The sizes of an array's last dimension: grey, RGB, and RGB with transparency."""


class AsRead(TypedDict):
    """How a run read the pixels of its data; its images are read in the same way."""

    white: float | None
    background: Background | None
    filter: Filter


def from_memory(run: TrainedRun, images: Any, field: ImageField, expected: str) -> Tensor | None:
    """Return images as a run reads them from files, float32 `(n, channels, height, width)` in its recipe's range.

    Args:
        images: uint8 `(n, height, width)` or `(n, height, width, 1, 3 or 4)`, 0 black and 255 white; a Pillow image; or
            a list of such images, or of such arrays without `n`, of any sizes.
        expected: the start of a message.

    Returns None for anything else. Raises ValueError for unreadable ones.
    """
    listed = _listed(images, expected)
    if not listed:
        return None
    how, size = as_read(run), (field.height, field.width)
    try:
        found = [as_pixels(image, size=size, channels=field.channels, **how) for image in listed]
    except WhiteError as error:
        raise ValueError(f"{expected}; {error.problems[0].message}") from None
    return scaled(found, field, run.value_range)


def as_read(run: TrainedRun) -> AsRead:
    """Return, from a run's record, the white of its data's files, the background of transparent pixels,
    and the filter."""
    record = read_object(run.folder / RECORD) or {}
    with as_written(run.folder):
        pixels = (record.get("data") or {}).get("taken", {}).get("pixels", {})
        white, background, resizing = pixels.get("white"), pixels.get("background"), pixels.get("filter", "bilinear")
        if background not in (None, *get_args(Background)):
            raise ValueError(f"a background {background!r}")
        if resizing not in get_args(Filter):
            raise ValueError(f"a filter {resizing!r}")
        return {"white": None if white is None else float(white), "background": background, "filter": resizing}


def scaled(pixels: Sequence[Pixels], field: ImageField, value_range: tuple[float, float]) -> Tensor:
    """Return pixels `(channels, height, width)` each as float32 `(n, channels, height, width)` in a range."""
    low, high = value_range
    shape = (len(pixels), field.channels, field.height, field.width)
    values = torch.from_numpy(np.concatenate(pixels)).view(shape) if pixels else torch.empty(shape)
    return values.float() * ((high - low) / 255) + low


def _listed(images: Any, expected: str) -> list[Image]:
    """Return the Pillow images; an empty list for anything else."""
    from PIL import Image

    if isinstance(images, Image.Image):
        return [images]
    if isinstance(images, np.ndarray):
        fits = images.ndim in (3, 4) and (images.ndim == 3 or images.shape[3] in COLOURS)
        if images.dtype != np.uint8 or not fits or not images.size:
            said = f"found {images.dtype} {images.shape}"
            raise ValueError(f"{expected}, or uint8 (n, height, width[, 1, 3 or 4]) in [0, 255]; {said}")
        return [_of_array(image) for image in images]
    if not isinstance(images, (list, tuple)):
        return []
    listed = []
    for place, image in enumerate(images):
        if isinstance(image, np.ndarray):
            fits = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in COLOURS)
            if image.dtype != np.uint8 or not fits or not image.size:
                said = f"found {image.dtype} {image.shape} at place {place}"
                raise ValueError(f"{expected}, or a list of uint8 (height, width[, 1, 3 or 4]) in [0, 255]; {said}")
            listed.append(_of_array(image))
        elif isinstance(image, Image.Image):
            listed.append(image)
        else:
            found = f"{with_article(type(image).__name__)} at place {place}"
            raise ValueError(f"{expected}, or a list of arrays or of Pillow's images; found {found}")
    return listed


def _of_array(image: Pixels) -> Image:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image))
