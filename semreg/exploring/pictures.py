"""Images in addresses: a test image by its position, any other one by its pixels."""

from __future__ import annotations

import base64
import re
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from semreg.core import ImageField, UserError
from semreg.data.images import Pixels, glimpse, read_image
from semreg.data.pixels import WhiteError
from semreg.pictures import png
from semreg.trained import Run
from semreg.trained.in_memory import as_read, scaled

MOST_BYTES = 20_000_000
"""The most bytes of an image file."""
TEST = re.compile(r"test:([0-9]{1,9})")
PIXELS = re.compile(r"png:([A-Za-z0-9_-]+={0,2})")


def input_field(run: Run) -> ImageField | None:
    """Return the shape of the images that a run encodes; None if it doesn't encode images."""
    field = run.fields.get(run.roles.input)
    return field if isinstance(field, ImageField) else None


def taken(run: Run, content: bytes) -> str:
    """Return the name of an image file in addresses: the pixels that the run sees, as a PNG in base64.

    The file may have any format that semreg reads, any size and orientation, be grey or coloured, of 8 or 16 bits, or
    transparent. Raises ValueError if it is not such an image, or too large.
    """
    field = input_field(run)
    if field is None:
        raise ValueError(f"this run encodes {run.roles.input!r}, which is not an image")
    if len(content) > MOST_BYTES:
        raise ValueError(f"{len(content):,} bytes are more than the {MOST_BYTES:,} that are read of an image")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image")
        path.write_bytes(content)
        try:
            pixels = _read(path, run, field)
        except UserError as error:
            raise ValueError(error.problems[0].message) from None
    return f"png:{base64.urlsafe_b64encode(png(pixels / 255, (0, 1))).decode()}"


def _read(path: Path, run: Run, field: ImageField) -> Pixels:
    """Read a file as the run's data are read; if their white doesn't fit the file, with its own."""
    how, size = as_read(run), (field.height, field.width)
    try:
        return read_image(path, size=size, channels=field.channels, **how)
    except WhiteError:
        how["white"] = glimpse(path).white
        return read_image(path, size=size, channels=field.channels, **how)


def image_of(run: Run, said: str) -> Tensor:
    """Return the image `(1, channels, height, width)` that an address names, in the recipe's range.

    Raises ValueError for a wrong name, UserError if the test images are missing.
    """
    if found := TEST.fullmatch(said):
        place, count = int(found[1]), run.counts["test"]
        if place >= count:
            raise ValueError(f"there is no test image {place}; there are {count}, from 0")
        image: Tensor = run.tensor(run.roles.input).at("test", torch.tensor([place]))
        return image
    field, found = input_field(run), PIXELS.fullmatch(said)
    if field is None or not found:
        raise ValueError(f"{said[:40]!r} names no image; test:17 does, and png: with its pixels")
    return scaled([_pixels(found[1], field)], field, run.value_range)


def _pixels(text: str, field: ImageField) -> Pixels:
    """Return the pixels `(channels, height, width)` in an address. Raises ValueError if they don't fit the run."""
    wanted, mode = (field.width, field.height), "RGB" if field.channels == 3 else "L"
    try:
        with Image.open(BytesIO(base64.urlsafe_b64decode(text)), formats=["PNG"]) as image:
            if image.size == wanted and image.mode == mode:
                pixels = np.asarray(image)
                return np.ascontiguousarray(pixels.transpose(2, 0, 1) if field.channels == 3 else pixels[None])
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        pass
    raise ValueError(f"the address holds no image of {field.width} × {field.height} pixels")
