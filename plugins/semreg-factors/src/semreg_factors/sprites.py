"""White shapes on black: the points that they cover, and their pixels at any scale and orientation."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Shape = Literal["square", "ellipse", "heart", "triangle", "half_disc"]
Points = npt.NDArray[np.float64]

RADIUS = 0.2497
"""The radius of the circle about a shape of scale 1, as a share of the image's width; dSprites' shapes are about as
large. At 1/4 edges would pass through points, and rounding would decide which of them are covered."""
SAMPLES = 8
"""Points per pixel and axis: an edge has 65 levels of grey."""


def _heart(across: Points, up: Points) -> npt.NDArray[np.bool_]:
    across, up = 1.43 * across, 1.43 * up  # within the unit circle
    inside: npt.NDArray[np.bool_] = (across**2 + up**2 - 1) ** 3 <= across**2 * up**3
    return inside


COVERED: dict[Shape, Callable[[Points, Points], npt.NDArray[np.bool_]]] = {
    "square": lambda across, up: np.maximum(np.abs(across), np.abs(up)) <= np.sqrt(0.5),
    "ellipse": lambda across, up: across**2 + (2 * up) ** 2 <= 1,
    "heart": _heart,
    "triangle": lambda across, up: (up >= -0.8) & (3 * np.abs(across) <= 1 - up),
    "half_disc": lambda across, up: (across**2 + (up + 0.37) ** 2 <= 0.929**2) & (up >= -0.37),
}
"""For each shape, whether points of the unit disc are in it. A square looks the same after a quarter of a turn, an
ellipse after half a turn, the others after a whole one."""


@lru_cache(maxsize=4096)
def sprite(shape: Shape, scale: float, turn: float, side: int, width: int) -> npt.NDArray[np.uint8]:
    """Draw a shape in the middle of `side` × `side` pixels of an image that is `width` pixels wide, uint8
    `(side, side)`.

    Each pixel is the share of it that is covered, from 0 to 255. `scale` is in (0, 1], `turn` in turns anticlockwise.
    """
    points = (np.arange(side * SAMPLES) + 0.5) / SAMPLES - side / 2
    right, up = points[None, :] / (RADIUS * scale * width), -points[:, None] / (RADIUS * scale * width)
    cosine, sine = np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)
    covered: Any = COVERED[shape](cosine * right + sine * up, cosine * up - sine * right)
    shares = covered.reshape(side, SAMPLES, side, SAMPLES).mean((1, 3))
    pixels: npt.NDArray[np.uint8] = np.rint(255 * shares).astype(np.uint8)
    pixels.flags.writeable = False  # many images use it
    return pixels
