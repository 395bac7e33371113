"""Reads image files as uint8 pixels of one size."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from einops import rearrange

from semreg.core import UserError
from semreg.data.files import shortened
from semreg.data.formats import readable
from semreg.data.pixels import (
    Background,
    Decode,
    Filter,
    WhiteError,
    is_wide,
    laid_on,
    seen_on,
    shown_light,
    white_among,
    whitened,
)

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 100_000_000
"""Larger images are rejected before decoding: a file of a few kilobytes can claim gigabytes."""

MOST_SIDE = 100_000
"""Images with a longer side are rejected, too: a decoder keeps a pointer for each row, and rows of one pixel need more
memory for these."""

MOST_LOOKED_AT = 64
"""How many transparent images of a data set decide its background."""

GLANCE, MOST_TINGE = 32, 12
"""How many pixels `glimpse` reads, and how far apart the colours of a grey image may be: JPEGs vary a little."""

Pixels = npt.NDArray[np.uint8]


def read_image(
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int],
    channels: int,
    white: float | None = None,
    background: Background | None = None,
    filter: Filter = "bilinear",
) -> Pixels:
    """Return the image `(channels, height, width)`, uint8: its largest central part of that shape, resized by the
    `filter`, antialiased.

    `size` is (height, width), or one number for both. `channels` is 3 (RGB) or 1 (grey). EXIF orientation is applied.
    `white` is the value of white if it is not 255; images of more than 8 bits need it. Transparent pixels show the
    `background`; by default black or white, whichever shows the image better.

    Raises:
        UserError: the file, which it names, is missing, damaged, cut short or too large, has more bits than `white`
            states, or a pixel above `white`.
    """
    with _opened(path) as image:
        # A JPEG decodes to a half, quarter or eighth of its size in a fraction of the time.
        least = 2 * (size if isinstance(size, int) else max(size))
        image.draft(None, (least, least))
        return as_pixels(image, size=size, channels=channels, white=white, background=background, filter=filter)


def as_pixels(
    image: Image,
    *,
    size: int | tuple[int, int],
    channels: int,
    white: float | None = None,
    background: Background | None = None,
    filter: Filter = "bilinear",
) -> Pixels:
    """Return a PIL image as `read_image` returns that of a file. Raises WhiteError for pixels that `white`
    doesn't fit."""
    from PIL import ExifTags, ImageOps

    wide = is_wide(image)
    image.load()
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # else it would be copied
        image = ImageOps.exif_transpose(image)
    seen = laid_on(whitened(image, white, wide=wide), background)
    return fitted(seen, size=size, channels=channels, filter=filter)


class Glimpse(NamedTuple):
    """Facts about an image file: its smaller side in pixels, whether it has no colours, its largest value, and its
    white if an option must state it."""

    side: int
    grey: bool
    largest: float
    white: float | None


def glimpse(path: str | os.PathLike[str]) -> Glimpse:
    """Return facts about an image file. Raises UserError as `read_image` does."""
    with _opened(path) as image:
        side = min(image.size)
        image.draft(None, (GLANCE, GLANCE))
        wide = is_wide(image)
        deep = image.mode.startswith(("I", "F"))
        largest = float(np.asarray(image).max())
        white = 65535 if wide else white_among(largest) if deep else None
        seen = laid_on(whitened(image, white, wide=wide), None)
        pixels = fitted(seen, size=GLANCE, channels=3).astype(np.int16)
        return Glimpse(side, int(np.ptp(pixels, axis=0).max()) <= MOST_TINGE, largest, white)


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Image]:
    """Open a file by PIL and read its head; every error in it, then or later, becomes a UserError that
    names the file."""
    from PIL import Image, UnidentifiedImageError

    try:
        # PIL's warnings, about odd metadata for example, are useless if thousands of images are read.
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=readable()) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise ValueError(f"{width} × {height} pixels are more than the {MOST_PIXELS:,} that are read")
            if max(width, height) > MOST_SIDE:
                raise ValueError(f"of {width} × {height} pixels one side is above the {MOST_SIDE:,} that are read")
            yield image
    except FileNotFoundError:
        raise UserError(shortened(path), "there is no such image file") from None
    except MemoryError:
        raise
    except WhiteError as error:
        raise WhiteError(shortened(path), f"not a readable image: {error.problems[0].message}") from None
    except UnidentifiedImageError:
        message = f"not a readable image: it is empty, or none of {', '.join(readable())}"
        raise UserError(shortened(path), message) from None
    except Image.DecompressionBombError:
        raise UserError(
            shortened(path), f"not a readable image: its pixels are more than the {MOST_PIXELS:,} that are read"
        ) from None
    except Exception as error:  # damage makes PIL's decoders raise any exception
        raise UserError(shortened(path), f"not a readable image: {error or type(error).__name__}") from None


def fitted(image: Image, *, size: int | tuple[int, int], channels: int, filter: Filter = "bilinear") -> Pixels:
    """Return a PIL image as pixels `(channels, height, width)`: its largest central part of the shape `size`, resized
    by the `filter`, with antialiasing. `size` is (height, width), or one number for both."""
    from PIL import Image

    height, width = (size, size) if isinstance(size, int) else size
    # Crop whole pixels before resizing: ImageOps.fit crops between pixels, so that outer ones affect the border.
    scale = min(image.width / width, image.height / height)
    inner = max(1, round(scale * width)), max(1, round(scale * height))
    # Skip steps that change nothing: PIL would copy the image, which is slow for huge ones.
    if image.size != inner:
        left, top = (image.width - inner[0]) // 2, (image.height - inner[1]) // 2
        image = image.crop((left, top, left + inner[0], top + inner[1]))
    mode = "RGB" if channels == 3 else "L"
    if image.mode != mode:
        image = image.convert(mode)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling[filter.upper()])
    pixels = np.asarray(image, dtype=np.uint8)
    pixels = rearrange(pixels, "height width channels -> channels height width") if channels == 3 else pixels[None]
    return np.ascontiguousarray(pixels)


def resized(images: Pixels, size: int | tuple[int, int], filter: Filter = "bilinear") -> Pixels:
    """Return images `(count, channels, height, width)`, grey or RGB, cropped and resized as `fitted` does."""
    from PIL import Image

    height, width = (size, size) if isinstance(size, int) else size
    count, channels, *shape = images.shape
    if shape == [height, width]:
        return np.ascontiguousarray(images)
    out = np.empty((count, channels, height, width), dtype=np.uint8)
    for index, image in enumerate(images):
        pixels = image[0] if channels == 1 else rearrange(image, "channels height width -> height width channels")
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        out[index] = fitted(picture, size=(height, width), channels=channels, filter=filter)
    return out


@dataclass
class ImageFiles:
    """An ImageReader of files: `names` (an array of text) in `folder`, cropped and resized to `size`.

    `white`, `background` and `filter` are as in `read_image`; `prepare` chooses a missing background. With `decode`
    "on_read" the cache doesn't store the images.
    """

    folder: str
    names: npt.NDArray[np.str_]
    size: int
    channels: int
    white: float | None = None
    background: Background | None = None
    filter: Filter = "bilinear"
    decode: Decode = "once"

    def __call__(self, indices: Sequence[int]) -> Pixels:
        """Return images `(len(indices), channels, size, size)`."""
        how = {key: getattr(self, key) for key in ("size", "channels", "white", "background", "filter")}
        return np.stack([read_image(path, **how) for path in map(self._path, indices)])

    def prepare(self) -> dict[str, Any]:
        """Choose the background that shows the transparent images best on the average.

        Returns facts for the summary and the record about how pixels are read: `white` and `background` if they are set
        or chosen, `filter` and `decode` if they differ from the usual values, and the number of images that are
        `transparent`, if any are.
        """
        found = [index for index in range(len(self.names)) if self._is_transparent(index)]
        if found and self.background is None:
            looked_at = sorted({round(place) for place in np.linspace(0, len(found) - 1, MOST_LOOKED_AT)})
            lights = [self._light(found[place]) for place in looked_at]
            self.background = seen_on(light for light in lights if light is not None)
        told = {"white": self.white, "background": self.background, "transparent": len(found) or None}
        return {key: value for key, value in told.items() if value is not None} | _told(self.filter, self.decode)

    def prepared_as(self, told: Mapping[str, Any]) -> None:
        """Use the background that `prepare` chose when it returned these facts."""
        self.background = told.get("background")

    def part(self, indices: npt.NDArray[np.int64]) -> ImageFiles:
        """Return a reader of only these images."""
        return replace(self, names=self.names[indices])

    def encoded(self, index: int) -> bytes:
        """Return the bytes of a file. Raises UserError if they can't be read."""
        path = self._path(index)
        try:
            return Path(path).read_bytes()
        except FileNotFoundError:
            raise UserError(shortened(path), "there is no such image file") from None
        except OSError as error:
            raise UserError(shortened(path), f"can't be read: {error.strerror or error}") from None

    def _path(self, index: int) -> str:
        return os.path.join(self.folder, str(self.names[index]))

    def _is_transparent(self, index: int) -> bool:
        """Return whether a file states that pixels may be transparent; a JPEG can't, and unreadable files are reported
        later."""
        if self.names[index].lower().endswith((".jpg", ".jpeg")):
            return False
        try:
            with _opened(self._path(index)) as image:
                return image.has_transparency_data
        except UserError:
            return False

    def _light(self, index: int) -> float | None:
        try:
            with _opened(self._path(index)) as image:
                return shown_light(whitened(image, self.white, wide=is_wide(image)))
        except UserError:
            return None


@dataclass
class ImageArray:
    """An ImageReader of pixels `(count, channels, height, width)` in memory, cropped and resized to `size` (height,
    width) by the `filter`."""

    pixels: Pixels
    size: tuple[int, int]
    filter: Filter = "bilinear"

    def __call__(self, indices: Sequence[int]) -> Pixels:
        """Return images `(len(indices), channels, *size)`."""
        return resized(self.pixels[list(indices)], self.size, self.filter)

    def part(self, indices: npt.NDArray[np.int64]) -> ImageArray:
        """Return a reader of only these images."""
        return replace(self, pixels=self.pixels[indices])

    def prepare(self) -> dict[str, Any]:
        """Return facts for the summary and the record about how pixels are read: the `filter` if it isn't the usual
        one."""
        return _told(self.filter)


def _told(filter: Filter, decode: Decode = "once") -> dict[str, Any]:
    return ({} if filter == "bilinear" else {"filter": filter}) | ({} if decode == "once" else {"decode": decode})
