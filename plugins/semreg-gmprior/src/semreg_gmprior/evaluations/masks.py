"""The parts of an image that are taken away to be filled in (section 4.5)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from semreg.errors import closest

BOXES = {
    "right_half": (0.0, 1.0, 0.5, 1.0),
    "eyes": (0.42, 0.60, 0.25, 0.75),
    "nose_mouth": (0.58, 0.84, 0.30, 0.70),
    "bottom_half": (0.5, 1.0, 0.0, 1.0),
}
"""Top, bottom, left and right as fractions of the image. The paper gives no numbers: those of eyes, nose and mouth are
for faces aligned as CelebA's, cropped to the central square."""


def mask_of(name: str, height: int, width: int) -> tuple[str, Tensor]:
    """A mask's name and its pixels, bool `(height, width)`, true where the image is taken away.

    `name` is one of `BOXES`, or the path of a grey image of that size, white where the image is taken away; its name is
    then that of the file without its ending. Raises ValueError if there is neither, or it does not fit.
    """
    mask = torch.zeros(height, width, dtype=torch.bool)
    if name in BOXES:
        top, bottom, left, right = BOXES[name]
        mask[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = True
    else:
        path = Path(name)
        if not path.is_file():
            known = ", ".join(BOXES)
            raise ValueError(
                f"masks: {name!r} is neither the name of a mask ({known}) nor a file{closest(name, BOXES)}"
            )
        mask = torch.from_numpy(_pixels(path) >= 128)
        if mask.shape != (height, width):
            found = " × ".join(map(str, mask.shape))
            raise ValueError(f"masks: {name} has {found} pixels (height × width); the images have {height} × {width}")
        name = path.stem
    if not mask.any():
        raise ValueError(f"masks: {name} takes no pixel away from images of {height} × {width}")
    return name, mask


def _pixels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    try:
        with Image.open(path) as image:
            return np.array(image.convert("L"))
    except Exception as error:  # whatever a damaged file makes Pillow raise
        raise ValueError(f"masks: {path} can't be read as an image: {error}") from None
