"""NumPy archives of images and labels."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from annotated_types import Interval
from einops import rearrange

from semreg.core import (
    KNOWN,
    AttributesField,
    ClassField,
    ImageField,
    Problem,
    Source,
    Specification,
    UserError,
    VectorField,
    closest,
)
from semreg.data.datasets.archives import Archive, Array
from semreg.data.datasets.conventions import Size, Stated, class_field, said, split_named
from semreg.data.files import missing, quoted, stamp, under
from semreg.data.images import ImageArray
from semreg.data.pixels import DARK, Filter, White, eight_bits, line_for
from semreg.data.splits import drawn_in_words, drawn_split

ROWS = 1024
"""How many images are converted to 8 bits at a time."""


class NumpyArchive:
    """Arrays in an `.npz` file at `path` under the data root. Nothing in it is unpickled.

    `images` names the array of pixels, uint8 `(count, height, width)`, `(count, height, width, channels)` or
    `(count, channels, height, width)` with 1 or 3 channels. For other types, and for masks of 0 and 1, `white` is the
    value of white: `white = 1` or 4095; black is 0. With `size` images are cropped to the central square and resized by
    the `filter`; without it they keep their size.

    `classes = { digit = "y" }` makes the field `digit` of the array `y`: whole numbers or text, `(count,)` or
    `(count, 1)`. Classes are sorted: as numbers if all are numbers, texts with a number at the end by that number.
    `{ shape = "latents[:, 1]" }` uses a column of an array, counted from 0. `orders` states which of these fields are a
    "ring" or a "line". A list orders classes without numbers: `{ severity = ["none", "mild", "severe"] }` is a line,
    `{ pose = { ring = ["front", "left", "back"] } }` a ring. `bins = { digit = 5 }` merges consecutive classes into 5
    equal groups, each named after its first class. `attributes` names an array `(count, attributes)` of 0 and 1, and
    `attribute_names` an array of their names. At most one attribute of each group in `exclusive` is present in an
    image. An attribute is unknown if it is NaN, or -1 in an array with 0 and 1; then the field `attributes_known` is 1
    for known values, and unknown attributes are 0. `vectors` makes fields of arrays of real numbers `(count,)` or
    `(count, size)`.

    The optional array `split_array` (`split`) holds 0, 1, 2 or train, validation, test. If each split has its own
    arrays, a star stands for the split's name: `images = "*_images"`, `classes = { digit = "*_labels" }`. Without
    either, a fifth of the images is the test split, drawn at random, the same in every run.
    """

    def __init__(
        self,
        *,
        path: str,
        root: Path = Path("data"),
        images: str = "images",
        size: Size | None = None,
        classes: dict[str, str] | None = None,
        orders: dict[str, Stated] | None = None,
        bins: dict[str, Annotated[int, Interval(ge=1)]] | None = None,
        attributes: str | None = None,
        attribute_names: str | None = None,
        exclusive: list[list[str]] | None = None,
        vectors: dict[str, str] | None = None,
        split_array: str = "split",
        white: White | None = None,
        filter: Filter = "bilinear",
    ) -> None:
        for name in {"image", "attributes", f"attributes{KNOWN}"}.intersection([*(classes or {}), *(vectors or {})]):
            raise UserError("", f"a field of classes or vectors can't be called {name!r}; choose another name")
        self.root = root
        self.path = path
        self.file = under(root, path)
        self.images = images
        self.size = size
        self.classes = classes or {}
        self.orders = orders or {}
        self.bins = bins or {}
        for option, names in {"bins": {*self.bins}, "orders": {*self.orders}}.items():
            for name in sorted(names - self.classes.keys()):
                raise UserError("", f"{option} names {name!r}, no field of classes{closest(name, self.classes)}")
        self.attributes = attributes
        self.attribute_names = attribute_names
        self.exclusive = tuple(tuple(group) for group in exclusive or [])
        self.vectors = vectors or {}
        self.split_array = split_array
        self.white = white
        self.filter = filter

    def specification(self) -> Specification:
        """Return `image`, the classes, `attributes` and the vectors. Reads the labels, and the shape of the images."""
        _, channels, height, width = self._layout(self._shape())
        fields: Specification = {"image": ImageField(channels, self.size or height, self.size or width)}
        for name, key in self.classes.items():
            fields[name] = self._binned(name, key)[0]
        if self.attributes:
            names = self._attribute_names()
            fields["attributes"] = AttributesField(names, self.exclusive)
            if f"attributes{KNOWN}" in self._binary(self.attributes):
                fields[f"attributes{KNOWN}"] = AttributesField(names)
        for name, key in self.vectors.items():
            fields[name] = VectorField(self._rows(key).shape[1])
        return fields

    def locate(self) -> None:
        """Find the file. Raises DataMissing if it is missing."""
        if not os.path.isfile(self.file):
            raise missing(
                f"The archive '{self.path}'", self.root, [self.path], "It takes a file written by numpy.savez."
            )

    def source(self) -> Source:
        """Read all arrays."""
        pixels = self._pixels()
        return self._source(len(pixels), pixels)

    def survey(self) -> Source:
        """Read all arrays except the pixels."""
        return self._source(self._layout(self._shape())[0], np.empty((0, 1, 1, 1), dtype=np.uint8))

    def _source(self, count: int, pixels: npt.NDArray[np.uint8]) -> Source:
        labels: dict[str, Array] = {}
        for name, key in self.classes.items():
            labels[name] = self._binned(name, key)[1]
        if self.attributes:
            labels |= self._binary(self.attributes)
        for name, key in self.vectors.items():
            with np.errstate(over="ignore"):  # too large values are rejected together with those that are not finite
                labels[name] = self._rows(key).astype(np.float32)
        field = self.specification()["image"].references()
        split, origin = self._split(count)
        return Source(
            labels=labels,
            split=split,
            images=ImageArray(pixels, (field["height"], field["width"]), self.filter),
            identity={
                "file": [self.path, stamp(self.file)],
                "arrays": [self.images, self.classes, self.attributes, self.vectors, self.split_array],
                "bins": self.bins,
                "size": self.size,
                **said(self, white=None, filter="bilinear"),
            },
            told={"split": origin},
        )

    @cached_property
    def _archive(self) -> Archive:
        self.locate()
        return Archive(self.file)

    def _shape(self) -> tuple[int, ...]:
        """Return the shape of the images, from the head of their file. Raises UserError if `white` is needed and not
        given."""
        if "*" not in self.images and self.images not in self._archive.names:
            raise UserError(str(self.file), f"there is no array {self.images!r}{self._archive.advice(self.images)}")
        shape, dtype = self._archive.head(self.images)
        if dtype not in (np.uint8, np.bool_) and (self.white is None or dtype.kind not in "iuf"):
            fits = "expected uint8, 0 to 255, such as numpy.uint8(255 * images) of images from 0 to 1"
            line = f"; or state which value is white: {line_for(self._largest())}" if dtype.kind in "iuf" else ""
            raise self._archive.error(self.images, f"{dtype} values; {fits}{line}")
        return shape

    def _largest(self) -> float:
        array = self._archive.read(self.images)
        return float(array.max()) if array.size else 0.0

    def _layout(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return (count, channels, height, width) of images of this shape."""
        if any(extent <= 0 for extent in shape):
            raise self._archive.error(self.images, f"shape {shape}; there are no images, or none with pixels")
        match shape:
            case (count, height, width):
                return count, 1, height, width
            case (count, height, width, 1 | 3 as channels) | (count, 1 | 3 as channels, height, width):
                return count, channels, height, width
        raise self._archive.error(
            self.images, f"shape {shape}; (count, height, width), with 1 or 3 channels before or after, fits"
        )

    def _pixels(self) -> npt.NDArray[np.uint8]:
        layout = self._layout(self._shape())
        array = self._archive.read(self.images)
        if array.ndim == 4 and array.shape != layout:
            array = rearrange(array, "count height width channels -> count channels height width")
        return self._whitened(array.reshape(layout))

    def _whitened(self, array: Array) -> npt.NDArray[np.uint8]:
        if array.dtype == np.bool_:
            return array.astype(np.uint8) * np.uint8(255)
        if self.white is None:
            largest = int(array.max())
            if 0 < largest <= DARK:
                said = f"the largest value is {largest}, where 255 is white; state which value is: {line_for(largest)}"
                raise self._archive.error(self.images, f"{said} (or `white = 255` if they are so dark)")
            return array
        try:
            parts = [eight_bits(array[start : start + ROWS], self.white) for start in range(0, len(array), ROWS)]
        except ValueError as error:
            raise self._archive.error(self.images, str(error)) from None
        return np.concatenate(parts)

    def _text(self, key: str) -> list[str]:
        """Return whole numbers or text as text, one per row."""
        array = self._archive.read(key)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "biufUS":
            said = f'write a column of it, 0 to {array.shape[1] - 1}, such as "{key}[:, 0]"'
            raise self._archive.error(key, f"{array.dtype} {array.shape}; {said}")
        if array.dtype.kind == "S":
            array = self._decoded(key, array)
        if array.dtype.kind == "b" or (array.dtype.kind == "f" and _are_whole(array)):
            array = array.astype(np.int64)
        if array.ndim != 1 or array.dtype.kind not in "iuU":
            said = f"found {array.dtype} {array.shape}; expected whole numbers or text, one per image"
            raise self._archive.error(key, said)
        return [str(value) for value in array.tolist()]

    def _decoded(self, key: str, array: Array) -> Array:
        try:
            return np.char.decode(array, "utf-8")
        except UnicodeDecodeError:
            raise self._archive.error(
                key, "these bytes are not text in UTF-8; expected whole numbers or text"
            ) from None

    def _classes(self, key: str) -> list[str]:
        values = self._text(key)
        self._check_count(key, len(values))
        return values

    def _binned(self, name: str, key: str) -> tuple[ClassField, Array]:
        """Return a field of classes and the class of each image, int64 `(count,)`."""
        values = self._classes(key)
        field = class_field(name, values, self.orders.get(name, "none"))
        names = field.names
        count = self.bins.get(name, len(names))
        if count > len(names):
            raise self._archive.error(key, f"{len(names)} classes; they can't be put into {count} bins")
        group = {value: index * count // len(names) for index, value in enumerate(names)}
        first = [index for index, value in enumerate(names) if index == 0 or group[value] != group[names[index - 1]]]
        binned = ClassField(tuple(names[index] for index in first), field.order)
        return binned, np.array([group[value] for value in values], dtype=np.int64)

    def _rows(self, key: str) -> Array:
        array = self._archive.read(key)
        if array.ndim not in (1, 2) or array.dtype.kind not in "bfiu" or 0 in array.shape[1:]:
            said = f"found {array.dtype} {array.shape}; expected a number or a row of numbers per image"
            raise self._archive.error(key, said)
        self._check_count(key, len(array))
        return array.reshape(len(array), -1)

    def _check_count(self, key: str, rows: int) -> None:
        count = self._shape()[0]
        if rows != count:
            raise self._archive.error(key, f"has {rows} rows, there are {count} images")
        mine, theirs = self._counts(key.partition("[")[0]), self._counts(self.images)
        if "*" in key and "*" in self.images and mine != theirs:
            said = "its arrays have other rows, or are of other splits, than those of the images"
            raise self._archive.error(key, f"{said}: {mine} and {theirs}")

    def _counts(self, key: str) -> dict[int, int]:
        """Return the number of rows of each part of an array that has one part for each split."""
        if "*" not in key:
            return {}
        return {split: self._archive.head(name).shape[0] for split, name in self._archive.parts(key).items()}

    def _attribute_names(self) -> tuple[str, ...]:
        count = self._rows(str(self.attributes)).shape[1]
        names = self._text(self.attribute_names) if self.attribute_names else [f"attribute_{i}" for i in range(count)]
        if len(names) != count:
            raise self._archive.error(str(self.attribute_names), f"{len(names)} names for {count} attributes")
        for name in (name for group in self.exclusive for name in group if name not in names):
            raise UserError("", [Problem("data.exclusive", f"no attribute {name!r}{closest(name, names)}")])
        return tuple(names)

    def _binary(self, key: str) -> dict[str, npt.NDArray[np.uint8]]:
        """Return the attributes, 0 or 1, and which of them are known, unless all are."""
        array = self._rows(key)
        unknown = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, dtype=np.bool_)
        minus = array == -1
        if minus.any() and not (array == 0).any():
            array = np.where(minus, 0, array)
        elif (minus.any(0) & (array == 0).any(0)).any():
            unknown |= minus
        fits = np.isin(array, (0, 1)) | unknown
        if not fits.all() or unknown.all():
            found = np.unique(array[~fits] if not fits.all() else array)[:5].tolist()
            said = f"found values {found}; expected 0 and 1, or -1 and 1; NaN, and -1 beside 0, mean unknown"
            raise self._archive.error(key, said)
        known = {f"attributes{KNOWN}": (~unknown).astype(np.uint8)} if unknown.any() else {}
        return {"attributes": np.where(unknown, 0, array).astype(np.uint8), **known}

    def _split(self, count: int) -> tuple[npt.NDArray[np.uint8], str]:
        """Return the split and its origin."""
        parts = self._counts(self.images)
        if parts:
            if self.split_array != "split":
                said = "the images have an array for each split already; leave `split_array` out"
                raise UserError("", [Problem("data.split_array", said)])
            split = np.repeat(np.array(list(parts), dtype=np.uint8), list(parts.values()))
            return split, f"the arrays {', '.join(self._archive.parts(self.images).values())}"
        name = self._split_array()
        if name is None:
            return drawn_split(count), drawn_in_words(count)
        values = self._classes(name)
        known = {value: split_named(value) for value in set(values)}
        unknown = sorted(value for value, split in known.items() if split is None)
        if unknown:
            found = ", ".join(map(quoted, unknown[:5]))
            raise self._archive.error(name, f"values {found}; 0, 1, 2 or train, validation, test fit")
        return np.array([known[value] for value in values], dtype=np.uint8), f"the array {quoted(name)}"

    def _split_array(self) -> str | None:
        """Return the name of the array of splits, if there is one; the usual name counts in any case."""
        names = self._archive.names
        if self.split_array != "split" or "split" in names:
            return self.split_array
        found = [name for name in names if name.lower() == "split"]
        if len(found) > 1:
            said = f'{" and ".join(map(quoted, found))} could be meant; write `split_array = "{found[0]}"`'
            raise UserError(str(self.file), [Problem("data.split_array", said)])
        return found[0] if found else None


def _are_whole(array: Array) -> bool:
    """Return whether all numbers are whole and fit into int64."""
    return bool(np.isfinite(array).all() and (array == np.floor(array)).all() and (np.abs(array) < 2**53).all())
