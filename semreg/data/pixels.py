"""What pixels mean: which of their values is white, and what a transparent one shows."""

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
"""How pixels are weighed where an image is made smaller or larger, in Pillow's words; antialiased, all three."""
Decode = Literal["once", "on_read"]
"""Whether images are decoded once, into the cache, or whenever they are read."""
White = Annotated[float, Gt(0)]
"""The value of a white pixel; black is 0."""

WHITES = (1, 15, 16, 255, 1023, 4095, 16383, 65535)
"""Values that white has where images have so many bits, or levels."""
DARK = 16
"""Images whose largest value of 255 is not above this are hardly meant so dark."""
WIDE = re.compile(";16[BLNS]")
"""In PIL's name of how pixels are stored: colours of 16 bits, of which PIL reads the upper 8."""


class WhiteError(UserError):
    """Pixels of which the data set's options do not say what is white, or say something that they exceed."""


def white_among(largest: float) -> float:
    """What is white, most likely, among values up to `largest`."""
    return next((white for white in WHITES if largest <= white), largest) if largest > 0 else 255


def line_for(largest: float) -> str:
    """The line of a recipe that would say what is white among values up to `largest`."""
    return f"`white = {white_among(largest):g}` under [data]"


def eight_bits(values: npt.NDArray[Any], white: float) -> npt.NDArray[np.uint8]:
    """Pixels of any shape as uint8, 0 for 0 and 255 for `white`, rounded.

    Raises ValueError for values below 0 or above `white`, and for such as are no numbers.
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
    """Whether the colours of a PIL image that is not loaded yet have 16 bits each in its file."""
    return not image.mode.startswith("I") and any(WIDE.search(str(tile)) for tile in getattr(image, "tile", ()))


def whitened(image: Image, white: float | None, *, wide: bool = False) -> Image:
    """A PIL image with 8 bits for each of its colours, of which 255 is white.

    `white` is the value of white in the file. Where it is above 255, images of 8 bits stay as they are; nothing has to
    be said of those whose white is 255. Raises WhiteError for others, `wide` ones among them, and for pixels above
    `white`.
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
    """How light the shown part of a PIL image is on the average, from 0 to 255; None where all or nothing is shown."""
    if not image.has_transparency_data:
        return None
    whole = image.convert("RGBA")
    if whole.getchannel("A").getextrema()[0] == 255:
        return None
    whole.thumbnail((256, 256))
    light, shown = (np.asarray(part, dtype=np.float64) for part in (whole.convert("L"), whole.getchannel("A")))
    return float((light * shown).sum() / shown.sum()) if shown.any() else None


def seen_on(lights: Iterable[float]) -> Background:
    """The background on which images are seen whose shown parts are so light: black for light ones, else white."""
    found = list(lights)
    return "black" if found and sum(found) / len(found) > 127.5 else "white"


def laid_on(image: Image, background: Background | None) -> Image:
    """A PIL image without transparency: what it shows on a background, or on the one that it is seen on by itself."""
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
