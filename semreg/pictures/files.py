"""Images as files: PNGs, and GIFs that loop; each is written completely or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semreg.pictures.grids import GAP, TILE, coloured, enlarged, pixels
from semreg.store.disk import write_whole, writing

ADVICE = "fix this, or choose another place by --out"


def write_picture(path: str | Path, content: bytes) -> None:
    """Write a file, completely or not at all, and make its folder if it is missing. Raises CannotWrite."""
    with writing(Path(path), ADVICE):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(Path(path), content)


def png(image: Any, value_range: tuple[float, float], *, scale: int = 1) -> bytes:
    """Return an image `(1 or 3, height, width)` as a PNG, grey or RGB. Raises ValueError for another shape."""
    buffer = BytesIO()
    picture(image, value_range, scale=scale).save(buffer, "PNG")
    return buffer.getvalue()


def picture(image: Any, value_range: tuple[float, float], *, scale: int = 1) -> Any:
    """Return an image `(1 or 3, height, width)` as a Pillow image, each pixel `scale` × `scale` large, unsmoothed.

    Raises ValueError for another shape.
    """
    from PIL import Image

    values = enlarged(pixels(image, value_range), scale)
    return Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)


def strip(rows: Sequence[Any], value_range: tuple[float, float]) -> bytes:
    """Return rows of images, each `(images, 1 or 3, height, width)`, one under another as a PNG without text.

    Small images are enlarged up to half a tile of a picture's grid. Raises ValueError for another shape.
    """
    from PIL import Image

    drawn = []
    for images in rows:
        scale = max(1, TILE // 2 // max(images.shape[2:]))
        tiles = [_padded(enlarged(coloured(image, value_range), scale), GAP // 2, GAP // 2) for image in images]
        drawn.append(np.concatenate(tiles, axis=1))
    width = max(row.shape[1] for row in drawn)
    buffer = BytesIO()
    canvas = np.concatenate([_padded(row, 0, width - row.shape[1]) for row in drawn])
    Image.fromarray(canvas).save(buffer, "PNG")
    return buffer.getvalue()


def _padded(values: NDArray[np.uint8], below: int, right: int) -> NDArray[np.uint8]:
    return np.pad(values, ((0, below), (0, right), (0, 0)), constant_values=255)


def gif(images: Sequence[Any], value_range: tuple[float, float], *, scale: int | None = None) -> bytes:
    """Return images `(1 or 3, height, width)` as a GIF that loops, ten a second, each pixel `scale` × `scale` large.

    Small images are enlarged as in a picture's grid by default. Raises ValueError for another shape, or no image.
    """
    if not len(images):
        raise ValueError("a GIF needs at least one image")
    scale = scale or max(1, TILE // max(images[0].shape[1:]))
    first, *others = (picture(image, value_range, scale=scale) for image in images)
    buffer = BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=100, loop=0)
    return buffer.getvalue()
