"""The data set `shapes2d`: drawn in seconds, without a download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Interval

from semreg.core import ClassField, ImageField, Source, Specification, closest
from semreg.data.splits import drawn_in_words, drawn_split
from semreg_factors.grid import FactorGrid, Rows, steps
from semreg_factors.sprites import COVERED, RADIUS, SAMPLES, Shape, sprite

SCALES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
ORIENTATIONS = 16
POSITIONS = 16
AS_IN_DSPRITES: list[Shape] = ["square", "ellipse", "heart"]


class Shapes2D:
    """One white shape on black: all combinations of its shape, scale, orientation and position, in dSprites' layout.

    It replaces dSprites (Matthey, Higgins, Hassabis and Lerchner 2017) if that is missing: it has the same shapes,
    scales and order of factors, 16 orientations and 16 × 16 positions, so 73,728 images of three shapes, and edges with
    levels of grey.

    Fields: `image` `(1, size, size)`, and all factors, each a field of classes:

    * `shape`: those in `shapes`, out of square, ellipse, heart, triangle and half_disc. A square looks the same after a
      quarter of a turn and an ellipse after half a turn, as in dSprites, so that no code can represent all their
      orientations. All orientations of `["heart", "triangle", "half_disc"]` look different.
    * `scale`: 0.5 to 1 in six steps (a line).
    * `orientation`: 0 to 337.5 degrees anticlockwise (a ring). Unlike in dSprites, the last differs from the first.
    * `x` and `y`: 0 to 15 from the left and from the top (lines), in steps of a 32nd of the image.

    `count` limits the images to so many, drawn by the `seed`, the same in every run. The share `test` of them, also
    drawn once, is for testing. `grid` has all combinations, and `rows` those that are used.

    Raises ValueError if an option is out of its range.
    """

    def __init__(
        self,
        *,
        size: Literal[32, 64, 128] = 32,
        shapes: list[Shape] = AS_IN_DSPRITES,
        count: Annotated[int, Ge(2)] | None = None,
        seed: Annotated[int, Ge(0)] = 0,
        test: Annotated[float, Interval(gt=0, lt=1)] = 0.2,
    ) -> None:
        if size not in (32, 64, 128):
            raise ValueError(f"size is {size}; expected 32, 64 or 128")
        if not 0 < test < 1:
            raise ValueError(f"test is {test}; it must be between 0 and 1")
        if not shapes or len({*shapes}) < len(shapes):
            raise ValueError(f"shapes is {shapes}; expected one or more, each once")
        for shape in shapes:
            if shape not in COVERED:
                raise ValueError(f"shapes names {shape!r}{closest(shape, COVERED)}")
        self.size, self.shapes, self.seed, self.test = size, tuple(shapes), seed, test
        self.grid = FactorGrid(
            {
                "shape": ClassField(self.shapes),
                "scale": ClassField(tuple(f"{scale:g}" for scale in SCALES), "line"),
                "orientation": ClassField(tuple(f"{360 * k / ORIENTATIONS:g}" for k in range(ORIENTATIONS)), "ring"),
                "x": steps(POSITIONS),
                "y": steps(POSITIONS),
            }
        )
        self.rows = self.grid.subset(count, seed)
        if len(self.rows) < 2:
            raise ValueError(f"count is {count}; it must be at least 2, since training and test need one each")

    def specification(self) -> Specification:
        """Return `image` and the factors."""
        return {"image": ImageField(1, self.size, self.size), **self.grid.factors}

    def locate(self) -> None:
        """Return at once: the images are drawn."""

    def source(self) -> Source:
        """Choose the factors of every image without drawing it."""
        return Source(
            labels=dict(self.grid.classes(self.rows)),
            split=drawn_split(len(self.rows), test=self.test),
            images=ShapesReader(self.grid, self.rows, self.size),
            identity={
                "dataset": "shapes2d",
                "size": self.size,
                "shapes": list(self.shapes),
                "count": len(self.rows),
                "seed": self.seed,
                "test": self.test,
                "drawn": [RADIUS, SAMPLES],
            },
            activity="drawing shapes",
            told={"split": drawn_in_words(len(self.rows), test=self.test)},
        )

    survey = source


@dataclass(frozen=True)
class ShapesReader:
    """Draws images by index, in any process: `rows` of the grid."""

    grid: FactorGrid
    rows: Rows
    size: int

    def __call__(self, indices: Sequence[int]) -> npt.NDArray[np.uint8]:
        """Draw the images, uint8 `(len(indices), 1, size, size)`."""
        step = self.size // 32
        side = self.size - (POSITIONS - 1) * step  # so that the shape is complete at every position
        shapes = self.grid.factors["shape"].names
        images = np.zeros((len(indices), 1, self.size, self.size), np.uint8)
        classes = np.stack([*self.grid.classes(self.rows[list(indices)]).values()], axis=-1).tolist()
        for image, (shape, scale, orientation, x, y) in zip(images[:, 0], classes, strict=True):
            drawn = sprite(shapes[shape], SCALES[scale], orientation / ORIENTATIONS, side, self.size)
            image[y * step : y * step + side, x * step : x * step + side] = drawn
        return images

    def part(self, indices: Rows) -> ShapesReader:
        """Return a reader of only these images."""
        return replace(self, rows=self.rows[indices])
