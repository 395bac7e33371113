"""Light and pose of a drawn face: both are pure functions of pixels on a cylinder about the head."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from semreg_avatars.appearance import ILLUMINATIONS

AZIMUTHS = dict(zip(ILLUMINATIONS, (-90.0, -45.0, 0.0, 45.0, 90.0), strict=True))  # degrees; negative: from the left
AMBIENT = 0.25
HEAD_RADIUS = 0.325  # of the picture's width: of the drawn head, half its ears included


def _across(size: int) -> npt.NDArray[np.float64]:
    """Return the positions of the columns' centres, from -1/2 to 1/2, exactly symmetric."""
    return (2 * np.arange(size) + 1 - size) / (2.0 * size)


@cache
def turn_matrix(size: int, yaw: float) -> npt.NDArray[np.float64]:
    """Return the columns of a turned face as mixtures of columns of the frontal one, `(size, size)`:
    `turned = face @ matrix`.

    The face is painted on a cylinder seen from afar; parts that turn out of sight disappear. `yaw` is in degrees in
    [-90, 90]; 0 is the identity, positive turns the face to the right of the picture.
    """
    if not yaw:
        return np.eye(size)
    across = _across(size)
    angle = np.arcsin(np.clip(across / HEAD_RADIUS, -1, 1)) - np.radians(yaw)
    seen = (np.abs(across) < HEAD_RADIUS) & (np.abs(angle) < np.pi / 2)
    position = (np.sin(angle) * HEAD_RADIUS + 0.5) * size - 0.5
    lower = np.clip(np.floor(position), 0, size - 2).astype(np.int64)
    upper_share = np.clip(position - lower, 0, 1)
    matrix = np.zeros((size, size))
    matrix[lower, np.arange(size)] = seen * (1 - upper_share)
    matrix[lower + 1, np.arange(size)] = seen * upper_share
    return matrix


@cache
def shading(size: int, illumination: int) -> npt.NDArray[np.float64]:
    """Return the brightness of each column, `(size,)` in (0, 1]: half-Lambert light on the cylinder over an ambient
    one. Frontal light is 1 everywhere."""
    if ILLUMINATIONS[illumination] == "frontal":
        return np.ones(size)
    # wider than the head, so that hair and shoulders are shaded too
    angles = _across(size) * np.pi
    towards = np.cos(angles - np.radians(AZIMUTHS[ILLUMINATIONS[illumination]]))
    lit: npt.NDArray[np.float64] = AMBIENT + (1 - AMBIENT) * ((1 + towards) / 2) ** 2
    return lit
