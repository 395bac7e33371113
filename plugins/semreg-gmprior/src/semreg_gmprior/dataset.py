"""The toy example of section 4.1: points in the plane, whose x depends on their class and whose y doesn't."""

from __future__ import annotations

import hashlib
from typing import Annotated

import numpy as np
from annotated_types import Gt, Interval

from semreg.core import ClassField, Source, Specification, VectorField
from semreg.data.splits import drawn_split

CENTRES = (-2.0, 0.0, 2.0)
"""The mean x of each class."""


class ToyClasses:
    """Points of three equally frequent classes, without images: x is N(−2, w²), N(0, w²) or N(2, w²), y is N(0, s²).

    w is `width`, s is `spread`; all are independent. The paper only shows its points in a picture: three clusters side
    by side along the label-relevant x, with the same spread along the label-irrelevant y. Fields: `point`, a vector of
    x and y; `label`, the classes of the picture's colours. Half of each class is the test split, since a spread
    measured on few points is itself off by some percent.

    Args:
        count: of points, of all classes together.
        width: standard deviation of x in a class.
        spread: standard deviation of y, the same in all classes.
        seed: of the points.
    """

    def __init__(
        self,
        *,
        count: Annotated[int, Interval(ge=12, le=1_000_000)] = 9000,
        width: Annotated[float, Gt(0)] = 0.25,
        spread: Annotated[float, Gt(0)] = 1.0,
        seed: Annotated[int, Interval(ge=0, lt=2**32)] = 0,
    ) -> None:
        self.count, self.width, self.spread, self.seed = count, width, spread, seed

    def specification(self) -> Specification:
        """Return `point` and `label`."""
        return {"point": VectorField(2), "label": ClassField(("red", "green", "blue"))}

    def locate(self) -> None:
        """Return at once: the data are never missing."""

    def source(self) -> Source:
        """Draw the points."""
        labels = np.arange(self.count, dtype=np.int64) % len(CENTRES)
        random = np.random.RandomState(self.seed)  # NumPy's only generator with the same draws in all later versions
        points = random.standard_normal((self.count, 2)) * (self.width, self.spread)
        points[:, 0] += np.asarray(CENTRES)[labels]
        points = points.astype(np.float32)
        return Source(
            labels={"point": points, "label": labels},
            split=drawn_split(self.count, test=0.5, classes=labels),
            images=None,
            identity={"points": hashlib.sha256(points.tobytes()).hexdigest()},
        )
