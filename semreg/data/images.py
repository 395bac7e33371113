"""Reading image files as uint8 pixels of one size."""

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
"""Larger images are refused before they are decoded: a file of a few kilobytes can claim gigabytes."""

MOST_SIDE = 100_000
"""Longer ones are refused, too: a decoder keeps a pointer for each row, and rows of one pixel have more of those."""

MOST_LOOKED_AT = 64
"""Of a data set's transparent images those that decide which background they lie on."""

GLANCE, MOST_TINGE = 32, 12
"""At how many pixels an image is glanced at, and how far colours may be apart in a grey one: JPEGs stray a little."""

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
    """The image `(channels, height, width)`, uint8: the largest part of that shape at its centre, resized by the
    `filter`, antialiased.

    `size` is (height, width), or one number for both. `channels` is 3 (RGB) or 1 (grey). Turned upright where the
    file's EXIF data says so. `white` is the value of white where it is not 255: images of more than 8 bits must have
    it said. Transparent pixels lie on the `background`; by default on black or white, whichever the image is seen on.

    Raises:
        UserError: the file is missing, damaged, cut short, too large, of more bits than `white` says, or has a pixel
            above `white`; it is named.
    """
    with _opened(path) as image:
        # A JPEG decodes at a half, quarter or eighth of its size for a fraction of the time.
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
    """A PIL image as `read_image` gives that of a file. Raises WhiteError for pixels that `white` doesn't fit."""
    from PIL import ExifTags, ImageOps

    wide = is_wide(image)
    image.load()
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # else it would be copied
        image = ImageOps.exif_transpose(image)
    seen = laid_on(whitened(image, white, wide=wide), background)
    return fitted(seen, size=size, channels=channels, filter=filter)


class Glimpse(NamedTuple):
    """What an image file shows at a glance: its smaller side in pixels, whether it has no colours, its largest value,
    and what is white in it if that must be said."""

    side: int
    grey: bool
    largest: float
    white: float | None


def glimpse(path: str | os.PathLike[str]) -> Glimpse:
    """Look at an image file. Raises UserError as `read_image` does."""
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
    """A file opened by PIL, as far as its head; what goes wrong with it, then or later, is a UserError that names
    it."""
    from PIL import Image, UnidentifiedImageError

    try:
        # What is worth a warning to PIL, such as odd metadata, is no use to anyone who reads thousands of images.
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
    except Exception as error:  # PIL's decoders raise whatever the damage makes them raise
        raise UserError(shortened(path), f"not a readable image: {error or type(error).__name__}") from None


def fitted(image: Image, *, size: int | tuple[int, int], channels: int, filter: Filter = "bilinear") -> Pixels:
    """A PIL image as pixels `(channels, height, width)`: the largest part of `size`'s shape at its centre, resized by
    the `filter`, with antialiasing. `size` is (height, width), or one number for both."""
    from PIL import Image

    height, width = (size, size) if isinstance(size, int) else size
    # Whole pixels, cropped before resizing: ImageOps.fit crops between pixels and lets those outside shine in.
    scale = min(image.width / width, image.height / height)
    inner = max(1, round(scale * width)), max(1, round(scale * height))
    # Each step only where there is something to do: PIL copies the image otherwise, and huge ones count.
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
    """Images `(count, channels, height, width)`, grey or RGB, cropped and resized as `fitted` does."""
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

    `white`, `background` and `filter` are as in `read_image`; where no background is said, `prepare` chooses it. What
    is to `decode` "on_read" is not kept in the cache.
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
        """Images `(len(indices), channels, size, size)`."""
        how = {key: getattr(self, key) for key in ("size", "channels", "white", "background", "filter")}
        return np.stack([read_image(path, **how) for path in map(self._path, indices)])

    def prepare(self) -> dict[str, Any]:
        """Choose the background on which the shown parts of transparent images are seen, all in all.

        Gives what is to be told and recorded of how pixels are read: `white` and `background` where they are said or
        chosen, `filter` and `decode` where they are others than usual, and the number of images that are
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
        """Lie on the background that `prepare` chose when it told this."""
        self.background = told.get("background")

    def part(self, indices: npt.NDArray[np.int64]) -> ImageFiles:
        """A reader of these images alone."""
        return replace(self, names=self.names[indices])

    def encoded(self, index: int) -> bytes:
        """The bytes of a file. Raises UserError if they can't be read."""
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
        """Whether a file says that its pixels may be; of JPEG none can, and unreadable ones are told later."""
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
    """An ImageReader of pixels `(count, channels, height, width)` held in memory, cropped and resized to `size`
    (height, width) by the `filter`."""

    pixels: Pixels
    size: tuple[int, int]
    filter: Filter = "bilinear"

    def __call__(self, indices: Sequence[int]) -> Pixels:
        """Images `(len(indices), channels, *size)`."""
        return resized(self.pixels[list(indices)], self.size, self.filter)

    def part(self, indices: npt.NDArray[np.int64]) -> ImageArray:
        """A reader of these images alone."""
        return replace(self, pixels=self.pixels[indices])

    def prepare(self) -> dict[str, Any]:
        """What is to be told and recorded of how pixels are read: the `filter` where it is another than usual."""
        return _told(self.filter)


def _told(filter: Filter, decode: Decode = "once") -> dict[str, Any]:
    return ({} if filter == "bilinear" else {"filter": filter}) | ({} if decode == "once" else {"decode": decode})
