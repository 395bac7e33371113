"""The parts of an image that are removed for inpainting (section 4.5)."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from semreg.core import closest
from semreg.data.images import read_image

BOXES = {
    "right_half": (0.0, 1.0, 0.5, 1.0),
    "eyes": (0.42, 0.60, 0.25, 0.75),
    "nose_mouth": (0.58, 0.84, 0.30, 0.70),
    "bottom_half": (0.5, 1.0, 0.0, 1.0),
}
"""Top, bottom, left and right as fractions of the image. The paper gives no numbers: those of eyes, nose and mouth are
for faces aligned as CelebA's, cropped to the central square."""


def mask_of(name: str, height: int, width: int) -> tuple[str, Tensor]:
    """Return a mask's name and its pixels, bool `(height, width)`, true where the image is removed.

    `name` is one of `BOXES`, with underscores or hyphens, or the path of an image that is white at the removed part,
    cropped and resized to that size as images of any size are; its name is then the file's without its ending. Raises
    ValueError if there is neither, or the mask is empty or full, and UserError for a file that can't be read.
    """
    mask = torch.zeros(height, width, dtype=torch.bool)
    box = name.replace("-", "_")
    if box in BOXES:
        name = box
        top, bottom, left, right = BOXES[name]
        mask[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = True
    elif os.path.isfile(name):  # unlike Path.is_file, it never raises
        mask = torch.from_numpy(read_image(name, size=(height, width), channels=1)[0] >= 128)
        name = Path(name).stem
    else:
        known = ", ".join(BOXES)
        raise ValueError(f"{name!r} is neither the name of a mask ({known}) nor a file{closest(box, BOXES)}")
    if mask.all() or not mask.any():
        taken = "every pixel" if mask.all() else "no pixel"
        raise ValueError(f"{name} takes {taken} away from images of {height} × {width}")
    return name, mask
