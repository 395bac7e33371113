"""Light and pose of a drawn face: both are pure functions of pixels on a cylinder about the head."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from semreg_avatars.appearance import ILLUMINATIONS, POSES

AZIMUTHS = dict(zip(ILLUMINATIONS, (-80.0, -40.0, 0.0, 40.0, 80.0), strict=True))  # degrees; negative: from the left
AMBIENT = 0.25
HEAD_RADIUS = 0.34  # of the picture's width; the drawn head's, ears included


def _angles(size: int) -> npt.NDArray[np.float64]:
    """The angle on the cylinder, in radians, at each column's centre; beyond the head ±π/2."""
    across = ((np.arange(size) + 0.5) / size - 0.5) / HEAD_RADIUS
    return np.arcsin(np.clip(across, -1.0, 1.0))


@cache
def turn_matrix(size: int, yaw: float) -> npt.NDArray[np.float64]:
    """Columns of the turned head as mixtures of the columns of the frontal one, `(size, size)`: `turned = picture @ matrix`.

    The head is taken for a cylinder painted with the picture; its back, which no picture shows, continues its edge, and
    what lies beside the head stays where it is. `yaw` is in degrees; positive turns the face to the right of the picture.
    """
    angles = _angles(size)
    source = np.clip(angles - np.radians(yaw), -np.pi / 2, np.pi / 2)
    position = (np.sin(source) * HEAD_RADIUS + 0.5) * size - 0.5
    beside = np.abs(angles) >= np.pi / 2
    position[beside] = np.arange(size)[beside]
    position = np.clip(position, 0, size - 1)
    lower = np.minimum(position.astype(np.int64), size - 2)
    matrix = np.zeros((size, size))
    matrix[lower, np.arange(size)] += 1 - (position - lower)
    matrix[lower + 1, np.arange(size)] += position - lower
    return matrix


@cache
def shading(size: int, illumination: int) -> npt.NDArray[np.float64]:
    """The brightness of each column, `(size,)` in (0, 1]: half-Lambert light on the cylinder over an ambient one.
    Frontal light is 1 everywhere."""
    if ILLUMINATIONS[illumination] == "frontal":
        return np.ones(size)
    # wider than the head, so that hair and shoulders are shaded too
    angles = ((np.arange(size) + 0.5) / size - 0.5) * np.pi
    towards = np.cos(angles - np.radians(AZIMUTHS[ILLUMINATIONS[illumination]]))
    return AMBIENT + (1 - AMBIENT) * ((1 + towards) / 2) ** 2


def turned_and_lit(rgba: npt.NDArray[np.float64], pose: int, illumination: int) -> npt.NDArray[np.float64]:
    """Premultiplied RGBA `(4, size, size)` of the frontal, evenly lit picture, turned and then shaded: light stays where it
    is when the head turns."""
    size = rgba.shape[-1]
    yaw = float(POSES[pose])
    if yaw:
        rgba = rgba @ turn_matrix(size, yaw)
    lit = rgba.copy()
    lit[:3] *= shading(size, illumination)
    return lit
