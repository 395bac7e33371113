"""Grids of images, as PNGs with twice the page's resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from einops import rearrange, repeat
from numpy.typing import NDArray

from semreg.core import Picture, Walk
from semreg.pictures.style import (
    DPI,
    as_array,
    png_of,
    require_count,
    styled,
    text_size,
)

TILE = 128
"""Pixels: images are enlarged by the largest whole factor that doesn't exceed it."""


_WIDEST = 1800  # pixels: more columns make smaller tiles


GAP = 6


def image_grid(
    title: str,
    rows: Sequence[Any],
    *,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    image_labels: Sequence[Sequence[str]] | None = None,
    value_range: tuple[float, float] = (0, 1),
    scale: int | None = None,
    caption: str = "",
) -> Picture:
    """Draw images in rows, each a tensor `(images, channels, height, width)` or a list of `(channels, height, width)`.

    Channels are 1 or 3, values are in `value_range` and are clipped to it. Small images are enlarged by a whole number,
    `scale` if it is given, without smoothing. Rows may differ in length. `image_labels` are printed under each image.
    In a report a slider moves through the columns. Raises ValueError for images of differing or unfit shapes and for a
    wrong number of labels.
    """
    from matplotlib.figure import Figure

    images = [[coloured(image, value_range) for image in row] for row in rows]
    shapes = {image.shape for row in images for image in row}
    if len(shapes) != 1:
        raise ValueError(f"an image grid needs images of one shape, got {sorted(shapes) or 'no image'}")
    columns = max(len(row) for row in images)
    require_count("row labels", row_labels, len(images))
    require_count("column labels", column_labels, columns)
    require_count("rows of image labels", image_labels, len(images))
    for row, labels in zip(images, image_labels or (), strict=False):
        require_count("image labels in a row", labels, len(row))
    ((height, width, _),) = shapes
    scale = scale or max(1, min(TILE // max(height, width), _WIDEST // (columns * width)))

    with styled():
        below = text_size([label for row in image_labels for label in row], 0)[1] + 2 * GAP if image_labels else 0
        step_y, step_x = height * scale + below + GAP, width * scale + GAP
        slanted = text_size(column_labels or [""], 0)[0] > step_x
        left = text_size(row_labels, 0)[0] + 3 * GAP if row_labels else 0
        top = text_size(column_labels, 55 if slanted else 0)[1] + 2 * GAP if column_labels else 0
        overhang = text_size(column_labels[-1:], 55)[0] if column_labels and slanted else 0
        total = (left + columns * step_x - GAP + max(0, overhang - step_x // 2), top + len(images) * step_y - GAP)
        canvas = np.full((total[1], total[0], 3), 255, np.uint8)
        boxes: list[list[tuple[int, int, int, int]]] = []
        for y, row in enumerate(images):
            boxes.append(
                [(left + x * step_x, top + y * step_y, width * scale, height * scale) for x in range(len(row))]
            )
            for image, (x0, y0, across, down) in zip(row, boxes[-1], strict=True):
                canvas[y0 : y0 + down, x0 : x0 + across] = enlarged(image, scale)
        # A hundredth of a pixel more, since the size in pixels is rounded down.
        figure = Figure(figsize=((total[0] + 0.01) / DPI, (total[1] + 0.01) / DPI), dpi=DPI)
        figure.figimage(canvas)
        for y, label in enumerate(row_labels or ()):
            centre = total[1] - (top + y * step_y + height * scale / 2)
            figure.text((left - 2 * GAP) / total[0], centre / total[1], label, ha="right", va="center_baseline")
        for x, label in enumerate(column_labels or ()):
            centre = left + x * step_x + width * scale / 2
            figure.text(
                centre / total[0],
                (total[1] - top + GAP) / total[1],
                label,
                ha="left" if slanted else "center",
                va="bottom",
                rotation=55 if slanted else 0,
                rotation_mode="anchor" if slanted else "default",
            )
        for y, labels in enumerate(image_labels or ()):
            for x, label in enumerate(labels):
                centre, edge = left + x * step_x + width * scale / 2, top + y * step_y + height * scale + GAP
                figure.text(centre / total[0], (total[1] - edge) / total[1], label, ha="center", va="top")
        walk = Walk(row_labels or [""] * len(boxes), boxes, image_labels or (), column_labels or ())
        return Picture(title, png_of(figure), caption, walk if columns > 1 else None)


def pixels(image: Any, value_range: tuple[float, float]) -> NDArray[np.uint8]:
    """Return an image `(1 or 3, height, width)` as uint8 `(height, width, 1 or 3)`, clipped to `value_range`.

    Raises ValueError for another shape.
    """
    values = as_array(image)
    if values.ndim != 3 or values.shape[0] not in (1, 3) or not values.size:
        raise ValueError(f"an image has shape (1 or 3, height, width), got {values.shape}")
    low, high = value_range
    values = np.nan_to_num((values - low) / (high - low)).clip(0, 1)
    return rearrange((values * 255).round().astype(np.uint8), "channels height width -> height width channels")


def enlarged(values: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return pixels `(height, width, channels)`, each `scale` × `scale` large, unsmoothed."""
    return repeat(values, "height width channels -> (height down) (width across) channels", down=scale, across=scale)


def coloured(image: Any, value_range: tuple[float, float]) -> NDArray[np.uint8]:
    """Return the pixels of an image `(height, width, 3)`, with three equal channels if it is grey."""
    values = pixels(image, value_range)
    return repeat(values, "height width 1 -> height width colours", colours=3) if values.shape[2] == 1 else values
