"""What a data-set component is, and what it hands to the cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from semreg.core.errors import Problem, UserError
from semreg.core.specification import AttributesField, ClassField, Field, ImageField, Specification, VectorField
from semreg.data.files import quoted

TRAIN, VALIDATION, TEST = 0, 1, 2
SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
UNLABELLED = 3
"""The split of an image whose labels a recipe takes away, to train on it all the same; no data set brings any."""
EXCLUDED = 255
"""The split of an image that could not be read and was left out on request."""


class ImageReader(Protocol):
    """Reads images by index, in any process: it must pickle. Long lists (of file names, say) it holds as NumPy arrays,
    which the processes that read share instead of copying them with every piece of work."""

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
    what a run should tell about the data, such as files that are not used.
    """

    labels: dict[str, npt.NDArray[Any]]
    split: npt.NDArray[np.uint8]
    images: ImageReader | None
    identity: dict[str, Any]
    activity: str = ""
    remarks: tuple[str, ...] = ()


class Dataset(Protocol):
    """A data-set component: a class whose constructor takes the recipe's options by keyword, and `root` (a
    `pathlib.Path`, the data root) if it names that parameter. The constructor reads no data."""

    def specification(self) -> Specification:
        """The fields, without loading images. Raises DataMissing where even that needs files that are not there."""

    def locate(self) -> None:
        """Raises DataMissing, saying what layout was looked for and what to download, unless the set is there.

        The first line of its message stands by itself: "NAME not found under ROOT (looked for …)".
        """

    def source(self) -> Source:
        """Reads labels and lists images. Decodes none."""


def check_source(name: str, specification: Specification, source: Source) -> None:
    """Raises UserError, with all that is wrong, unless the source of data set `name` is what its specification says."""
    count = len(source.split)
    problems = [] if count else [Problem("", "there are no images")]
    if source.split.dtype != np.uint8 or not np.isin(source.split, list(SPLITS.values())).all():
        problems.append(
            Problem("split", f"{source.split.dtype} {np.unique(source.split)[:5]} found; uint8 0, 1, 2 fit")
        )
    if source.images is not None and not isinstance(specification.get("image"), ImageField):
        problems.append(Problem("image", "the images read need this field for themselves"))
    for label, field in specification.items():
        if not label.isidentifier() or label == "split":
            message = f"{quoted(label)} is not usable as a field's name; letters, digits and _ fit, 'split' does not"
        elif isinstance(field, ImageField):
            message = (
                "" if label == "image" and source.images else "images are read by a reader, into the field 'image'"
            )
        else:
            message = _check_names(field) or _check_labels(field, source.labels.get(label), count)
        if message:
            problems.append(Problem(label, message))
    if problems:
        raise UserError(name, problems)


def _check_names(field: Field) -> str:
    """What is wrong with the names of a field's classes or attributes, or nothing."""
    names = field.names if isinstance(field, ClassField | AttributesField) else ()
    for name, times in Counter(names).items():
        if times > 1:
            return f"the name {quoted(name)} stands there twice"
        try:
            name.encode()
        except UnicodeEncodeError:
            return f"the name {quoted(name)} is no text; rename it"
    return ""


def _check_labels(field: Field, array: npt.NDArray[Any] | None, count: int) -> str:
    """What is wrong with the labels of a field, or nothing."""
    form: tuple[str, tuple[int, ...]]
    if isinstance(field, ClassField):
        form, most = ("int64", (count,)), len(field.names) - 1
    elif isinstance(field, AttributesField):
        form, most = ("uint8", (count, len(field.names))), 1
    elif isinstance(field, VectorField):
        form, most = ("float32", (count, field.size)), None
    if array is None or (array.dtype.name, array.shape) != form:
        found = "nothing" if array is None else f"{array.dtype} {array.shape}"
        return f"{found} was found; {form[0]} {form[1]} fits"
    if most is None:
        unfit = np.flatnonzero(~np.isfinite(array).all(axis=1))
        return f"not all values are finite in 32 bits (see row {unfit[0]}, counted from 0)" if len(unfit) else ""
    if array.size and (array.min() < 0 or array.max() > most):
        return f"values from {array.min()} to {array.max()}; 0 to {most} fit"
    return ""
