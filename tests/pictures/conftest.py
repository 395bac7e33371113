"""Pictures as arrays."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semreg.core import Picture


def pixels(picture: Picture) -> NDArray[np.uint8]:
    """The pixels of a picture, `(height, width, 3)`."""
    return np.asarray(Image.open(BytesIO(picture.png)).convert("RGB"))
