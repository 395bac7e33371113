"""What a data-set component is, and what it hands to the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from semreg.data.specification import Specification

TRAIN, VALIDATION, TEST = 0, 1, 2
SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}


class ImageReader(Protocol):
    """Reads images by index, in any process: it must pickle, and hold paths rather than pixels."""

    def __call__(self, indices: Sequence[int]) -> npt.NDArray[np.uint8]:
        """Images `(len(indices), channels, height, width)`, uint8, cropped and resized already."""


@dataclass
class Source:
    """All of a data set but its pixels, ready to be cached.

    `labels` holds one array per field that is not read by `images`: int64 `(count,)` for a `ClassField`, uint8
    `(count, attributes)` for an `AttributesField`, float32 `(count, size)` for a `VectorField`. `split` is uint8 `(count,)`
    of TRAIN, VALIDATION and TEST. `images` reads the field `image`, or is None for data without images. `identity` is what
    decides the contents (options, file names with sizes and times, seeds, versions), as JSON: the cache is keyed by it.
    """

    labels: dict[str, npt.NDArray[Any]]
    split: npt.NDArray[np.uint8]
    images: ImageReader | None
    identity: dict[str, Any]


class Dataset(Protocol):
    """A data-set component: a class whose constructor takes the recipe's options by keyword, and `root` (a
    `pathlib.Path`, the data root) if it names that parameter. The constructor reads no data."""

    def specification(self) -> Specification:
        """The fields, without loading images. Raises DataMissing where even that needs files that are not there."""

    def locate(self) -> None:
        """Raises DataMissing, saying what layout was looked for and what to download, unless the set is there."""

    def source(self) -> Source:
        """Reads labels and lists images. Decodes none."""
