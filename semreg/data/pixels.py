"""The meaning of pixels: which value is white, and what is under transparent ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Gt

from semreg.core import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

Background = Literal["black", "white"]
Filter = Literal["bilinear", "box", "lanczos"]
"""How pixels are weighted when an image is resized, in Pillow's terms; all three are antialiased."""
Decode = Literal["once", "on_read"]
"""Whether images are decoded once, into the cache, or on each reading."""
White = Annotated[float, Gt(0)]
"""The value of a white pixel; black is 0."""

WHITES = (1, 15, 16, 255, 1023, 4095, 16383, 65535)
"""The usual values of white, for images of so many bits or levels."""
DARK = 16
"""Images whose largest value (of 255) is at most this are probably darker than intended."""
WIDE = re.compile(";16[BLNS]")
"""Part of PIL's name for 16-bit colours; PIL reads only their upper 8 bits."""


class WhiteError(UserError):
    """Pixels without an option for white, or pixels above that white."""


def white_among(largest: float) -> float:
    """Return the most likely white of values up to `largest`."""
    return next((white for white in WHITES if largest <= white), largest) if largest > 0 else 255


def line_for(largest: float) -> str:
    """Return the line of a recipe that states the white of values up to `largest`."""
    return f"`white = {white_among(largest):g}` under [data]"


def eight_bits(values: npt.NDArray[Any], white: float) -> npt.NDArray[np.uint8]:
    """Return pixels of any shape as uint8, 0 for 0 and 255 for `white`, rounded.

    Raises ValueError for values below 0 or above `white`, and for NaN.
    """
    if not values.size:
        return values.astype(np.uint8)
    least, largest = float(values.min()), float(values.max())
    if not np.isfinite([least, largest]).all():
        raise ValueError("some values are not finite")
    if least < 0:
        raise ValueError(f"values from {least:g} to {largest:g}; black is 0, and nothing is below it")
    if largest > white:
        raise ValueError(f"values up to {largest:g}, above white = {white:g}; {line_for(largest)} would hold them")
    if white == 255 and values.dtype == np.uint8:
        return values
    return np.rint(values.astype(np.float64) * (255 / white)).astype(np.uint8)


def is_wide(image: Image) -> bool:
    """Return whether the colours of a PIL image that is not loaded yet have 16 bits each in its file."""
    return not image.mode.startswith("I") and any(WIDE.search(str(tile)) for tile in getattr(image, "tile", ()))


def whitened(image: Image, white: float | None, *, wide: bool = False) -> Image:
    """Return a PIL image with 8 bits for each of its colours and white at 255.

    `white` is the value of white in the file. Above 255, it leaves images of 8 bits unchanged. Images with white at 255
    don't need it. Raises WhiteError for others without it (`wide` ones, too), and for pixels above `white`.
    """
    from PIL import Image as Images

    deep = image.mode.startswith(("I", "F"))
    if wide and white != 65535:
        said = "colours of 16 bits are read with `white = 65535` under [data]"
        raise WhiteError("", said + ("" if white is None else f", not {white:g}; an archive (.npz) holds others, too"))
    if wide or image.mode == "1" or (not deep and (white is None or white >= 255)):
        return image
    try:
        if deep:
            values = np.asarray(image)
            if white is None:
                said = f"only 8 bits per channel are read unless the recipe states white: {line_for(values.max())}"
                raise ValueError(f"up to {values.max():g}; {said}")
            return Images.fromarray(eight_bits(values, white))
        return _stretched(image, float(white or 255))
    except ValueError as error:
        raise WhiteError("", f"pixels are stored as {image.mode!r}, {error}") from None


def _stretched(image: Image, white: float) -> Image:
    from PIL import Image as Images

    if image.mode not in (("LA", "RGBA") if image.has_transparency_data else ("L", "RGB")):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    table = [round(min(value, white) * 255 / white) for value in range(256)]
    bands = image.split()
    colours = len(bands) - image.has_transparency_data
    largest = max(int(np.asarray(band).max()) for band in bands[:colours])
    if largest > white:
        raise ValueError(f"values up to {largest}, above white = {white:g}; {line_for(largest)} would hold them")
    return Images.merge(image.mode, [*(band.point(table) for band in bands[:colours]), *bands[colours:]])


def shown_light(image: Image) -> float | None:
    """Return the mean lightness of the visible part of a PIL image, from 0 to 255; None if all or nothing
    is visible."""
    if not image.has_transparency_data:
        return None
    whole = image.convert("RGBA")
    if whole.getchannel("A").getextrema()[0] == 255:
        return None
    whole.thumbnail((256, 256))
    light, shown = (np.asarray(part, dtype=np.float64) for part in (whole.convert("L"), whole.getchannel("A")))
    return float((light * shown).sum() / shown.sum()) if shown.any() else None


def seen_on(lights: Iterable[float]) -> Background:
    """Return the background for images whose visible parts have these lightnesses: black for light ones, else white."""
    found = list(lights)
    return "black" if found and sum(found) / len(found) > 127.5 else "white"


def laid_on(image: Image, background: Background | None) -> Image:
    """Return a PIL image without transparency, on the given background, or else on the one that shows it better."""
    if not image.has_transparency_data:
        return image
    from PIL import Image as Images

    whole = image.convert("RGBA")
    if whole.getchannel("A").getextrema()[0] == 255:
        return image
    if background is None:
        light = shown_light(image)
        background = seen_on([] if light is None else [light])
    return Images.alpha_composite(Images.new("RGBA", whole.size, background), whole).convert("RGB")
