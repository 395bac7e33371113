"""Images as files: PNGs, and GIFs that run on and on; each whole or as it was."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from semreg.pictures.grids import TILE, enlarged, pixels
from semreg.store.disk import write_whole, writing

ADVICE = "mend that, or choose another place by --out"


def write_picture(path: str | Path, content: bytes) -> None:
    """Write a file that is whole or as it was, in a folder that is made if need be. Raises CannotWrite."""
    with writing(Path(path), ADVICE):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(Path(path), content)


def png(image: Any, value_range: tuple[float, float], *, scale: int = 1) -> bytes:
    """An image `(1 or 3, height, width)` as a PNG, grey or RGB. Raises ValueError for another shape."""
    buffer = BytesIO()
    picture(image, value_range, scale=scale).save(buffer, "PNG")
    return buffer.getvalue()


def picture(image: Any, value_range: tuple[float, float], *, scale: int = 1) -> Any:
    """An image `(1 or 3, height, width)` as one of Pillow's, each pixel `scale` × `scale` large, unsmoothed.

    Raises ValueError for another shape.
    """
    from PIL import Image

    values = enlarged(pixels(image, value_range), scale)
    return Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)


def gif(images: Sequence[Any], value_range: tuple[float, float], *, scale: int | None = None) -> bytes:
    """Images `(1 or 3, height, width)` as a GIF that runs on and on, ten a second, each pixel `scale` × `scale` large.

    Small images are enlarged as in a picture's grid by default. Raises ValueError for another shape, or no image.
    """
    if not len(images):
        raise ValueError("a GIF needs at least one image")
    scale = scale or max(1, TILE // max(images[0].shape[1:]))
    first, *others = (picture(image, value_range, scale=scale) for image in images)
    buffer = BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=100, loop=0)
    return buffer.getvalue()
