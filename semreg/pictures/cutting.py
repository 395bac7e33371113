"""Cuts the images out of a picture, by its walk."""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from semreg.core import Picture
from semreg.pictures.grids import enlarged

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Strip:
    """A row of a picture's images, each `(height, width, 3)` and of one shape, before they were enlarged.

    `labels` has a text for each image, or is empty.
    """

    name: str
    images: tuple[Pixels, ...]
    labels: tuple[str, ...] = ()

    @functools.cached_property
    def digest(self) -> str:
        """A digest that differs for other images or labels."""
        told = hashlib.sha256(repr((self.images[0].shape, self.labels)).encode())
        for image in self.images:
            told.update(image.tobytes())
        return told.hexdigest()


def whole(png: bytes) -> Pixels:
    """Return the pixels of a PNG, `(height, width, 3)`. Raises ValueError if they can't be read."""
    from PIL import Image

    try:
        with Image.open(BytesIO(png), formats=["PNG"]) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"its PNG can't be read: {error}") from error


def strips_of(picture: Picture) -> list[Strip]:
    """Return the rows of images on a picture's walk.

    Raises ValueError if it has none, if the walk doesn't fit the picture, or if the images of a row differ in shape.
    """
    walk = picture.walk
    if walk is None:
        raise ValueError("it has no walk through its images")
    pixels = whole(picture.png)
    if len(walk.rows) != len(walk.boxes) or (walk.labels and len(walk.labels) != len(walk.boxes)):
        raise ValueError("its walk has names or labels for another number of rows than it has")
    strips = []
    for place, (name, boxes) in enumerate(zip(walk.rows, walk.boxes, strict=True)):
        labels = tuple(walk.labels[place]) if walk.labels else ()
        images = [pixels[top : top + height, left : left + width] for left, top, width, height in boxes]
        shapes = {(height, width, 3) for _, _, width, height in boxes}
        if len(shapes) != 1 or {image.shape for image in images} != shapes or not images[0].size:
            raise ValueError("its walk leads to images of several shapes, or out of the picture")
        if labels and len(labels) != len(images):
            raise ValueError("its walk has labels for another number of images than it has")
        strips.append(Strip(name, tuple(as_drawn(images)), labels))
    if not strips:
        raise ValueError("its walk leads to no image")
    return strips


def as_drawn(images: list[Pixels]) -> list[Pixels]:
    """Return images of one shape before enlargement, by the largest whole factor that is possible for all."""
    common = math.gcd(*images[0].shape[:2])
    for scale in range(common, 1, -1):
        if common % scale == 0:
            small = [image[::scale, ::scale].copy() for image in images]
            if all(np.array_equal(enlarged(one, scale), image) for one, image in zip(small, images, strict=True)):
                return small
    return [image.copy() for image in images]
