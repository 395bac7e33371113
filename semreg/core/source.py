"""What a data set hands to the cache: its labels, its split, and a reader of its images."""

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
"""The split of an image whose labels a recipe takes away, to train on it all the same; no data set brings any."""
EXCLUDED = 255  # the split of an image that could not be read and was left out on request


class ImageReader(Protocol):
    """Reads images by index, in any process: it must pickle. Long lists (of file names, say) it holds as NumPy arrays,
    which the processes that read share instead of copying them with every piece of work; one that has a method
    `part(indices)` gives a reader of these images alone, to be sent to processes that decode when images are read."""

    def __call__(self, indices: Sequence[int]) -> npt.NDArray[np.uint8]:
        """Images `(len(indices), channels, height, width)`, uint8, cropped and resized already.

        Raises UserError, naming the image, if one can't be read.
        """


@dataclass
class Source:
    """All of a data set but its pixels, ready to be cached.

    `labels` holds one array per field that is not read by `images`: int64 `(count,)` for a `ClassField`, uint8
    `(count, attributes)` for an `AttributesField`, float32 `(count, size)` for a `VectorField`. `split` is uint8
    `(count,)` of TRAIN, VALIDATION and TEST. `images` reads the field `image`, or is None for data without images.
    `identity` is what decides the contents (options, file names with sizes and times, seeds, versions), as JSON: the
    cache is keyed by it. `activity` is what the progress bar says meanwhile, such as "rendering avatars". `remarks` are
    what a run should warn of, such as files that are not used. `told` is what it should tell and record, as JSON:
    `split`, where the split is from, and `others`, what else lay there and how much of it.
    """

    labels: dict[str, npt.NDArray[Any]]
    split: npt.NDArray[np.uint8]
    images: ImageReader | None
    identity: dict[str, Any]
    activity: str = ""
    remarks: tuple[str, ...] = ()
    told: dict[str, Any] = field(default_factory=dict)
