"""The source of a data set's cache: its labels, its split, and a reader of its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["EXCLUDED", "SPLITS", "TEST", "TRAIN", "VALIDATION", "ImageReader", "Source"]

TRAIN, VALIDATION, TEST = 0, 1, 2
SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
UNLABELLED = 3
"""The split of an image that a recipe trains on without its labels; no data set uses it."""
EXCLUDED = 255  # the split of an image that could not be read and was left out on request


class ImageReader(Protocol):
    """A reader of images by index, in any process: it must pickle. It should hold long lists (such as file names) as
    NumPy arrays, which reading processes share instead of copying. An optional method `part(indices)` returns a reader
    of these images only, to send to processes that decode when images are read."""

    def __call__(self, indices: Sequence[int]) -> npt.NDArray[np.uint8]:
        """Return images `(len(indices), channels, height, width)`, uint8, cropped and resized.

        Raises UserError, naming the image, if one can't be read.
        """


@dataclass
class Source:
    """All of a data set except its pixels, ready to be cached.

    `labels` holds one array per field except those that `images` reads: int64 `(count,)` for a `ClassField`, uint8
    `(count, attributes)` for an `AttributesField`, float32 `(count, size)` for a `VectorField`. `split` is uint8
    `(count,)` of TRAIN, VALIDATION and TEST. `images` reads the field `image`, or is None for data without images.
    `identity` is JSON that determines the contents (options, file names with sizes and times, seeds, versions): the
    cache's key. `activity` is the progress bar's text, such as "rendering avatars". `told` is JSON that a run prints
    and records: `split`, where the split is from, and `others`, other files there and their number.
    """

    labels: dict[str, npt.NDArray[Any]]
    split: npt.NDArray[np.uint8]
    images: ImageReader | None
    identity: dict[str, Any]
    activity: str = ""
    remarks: tuple[str, ...] = ()
    """Warnings that a run prints, for example about unused files."""
    told: dict[str, Any] = field(default_factory=dict)
