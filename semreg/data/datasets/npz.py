"""NumPy archives of images and labels."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Interval
from einops import rearrange

from semreg.core import (
    AttributesField,
    ClassField,
    ImageField,
    Order,
    Problem,
    Source,
    Specification,
    UserError,
    VectorField,
    closest,
)
from semreg.data.datasets.conventions import SPLIT_NAMES, Size, sorted_classes
from semreg.data.files import missing, quoted, stamp, under
from semreg.data.images import ImageArray
from semreg.data.splits import drawn_split

Array = npt.NDArray[Any]


class NumpyArchive:
    """Arrays in an `.npz` file at `path` under the data root. Nothing in it is unpickled.

    `images` names the array of pixels, uint8 `(count, height, width)`, `(count, height, width, channels)` or
    `(count, channels, height, width)` with 1 or 3 channels. With `size` they are cropped to the central square and
    resized; without they stay as they are.

    `classes = { digit = "y" }` makes the field `digit` of the array `y` (whole numbers or text; sorted), `orders` says
    which of these fields are a "ring" or a "line", and `bins = { digit = 5 }` puts consecutive classes together into so
    many equal ones, each called by its first. `attributes` names an array `(count, attributes)` of 0 and 1 and
    `attribute_names` one of their names; of each group in `exclusive` at most one is present. `vectors` makes fields of
    arrays of real numbers `(count,)` or `(count, size)`. The array `split_array`, if there is one, holds 0, 1, 2 or
    train, validation, test; without it a fifth of the images, drawn once and for all, is the test split.
    """

    def __init__(
        self,
        *,
        path: str,
        root: Path = Path("data"),
        images: str = "images",
        size: Size | None = None,
        classes: dict[str, str] | None = None,
        orders: dict[str, Order] | None = None,
        bins: dict[str, Annotated[int, Interval(ge=1)]] | None = None,
        attributes: str | None = None,
        attribute_names: str | None = None,
        exclusive: list[list[str]] | None = None,
        vectors: dict[str, str] | None = None,
        split_array: str = "split",
    ) -> None:
        for name in {"image", "attributes"}.intersection([*(classes or {}), *(vectors or {})]):
            raise UserError("", f"a field of classes or vectors can't be called {name!r}; choose another name")
        self.root = root
        self.path = path
        self.file = under(root, path)
        self.images = images
        self.size = size
        self.classes = classes or {}
        self.orders = orders or {}
        self.bins = bins or {}
        for name in self.bins.keys() - self.classes.keys():
            raise UserError("", f"bins names {name!r}, no field of classes{closest(name, self.classes)}")
        self.attributes = attributes
        self.attribute_names = attribute_names
        self.exclusive = tuple(tuple(group) for group in exclusive or [])
        self.vectors = vectors or {}
        self.split_array = split_array

    def specification(self) -> Specification:
        """`image`, the classes, `attributes` and the vectors. Reads the labels, and of the images their shape."""
        _, channels, height, width = self._layout(self._shape())
        fields: Specification = {"image": ImageField(channels, self.size or height, self.size or width)}
        for name, key in self.classes.items():
            fields[name] = ClassField(self._binned(name, key)[0], self.orders.get(name, "none"))
        if self.attributes:
            fields["attributes"] = AttributesField(self._attribute_names(), self.exclusive)
        for name, key in self.vectors.items():
            fields[name] = VectorField(self._rows(key).shape[1])
        return fields

    def locate(self) -> None:
        """Raises DataMissing unless the file is there."""
        if not os.path.isfile(self.file):
            raise missing(
                f"The archive '{self.path}'", self.root, [self.path], "It takes a file written by numpy.savez."
            )

    def source(self) -> Source:
        """Reads all arrays."""
        pixels = self._pixels()
        labels: dict[str, Array] = {}
        for name, key in self.classes.items():
            labels[name] = self._binned(name, key)[1]
        if self.attributes:
            labels["attributes"] = self._binary(self.attributes)
        for name, key in self.vectors.items():
            with np.errstate(over="ignore"):  # what is too large is refused with what is not finite
                labels[name] = self._rows(key).astype(np.float32)
        field = self.specification()["image"].references()
        return Source(
            labels=labels,
            split=self._split(len(pixels)),
            images=ImageArray(pixels, (field["height"], field["width"])),
            identity={
                "file": stamp(self.file),
                "arrays": [self.images, self.classes, self.attributes, self.vectors, self.split_array],
                "bins": self.bins,
                "size": self.size,
            },
        )

    @cached_property
    def _archive(self) -> Any:
        self.locate()
        try:
            archive = np.load(self.file, allow_pickle=False)
        except Exception:  # zipfile, zlib and NumPy raise whatever the damage makes them raise, here and below
            message = "not a NumPy archive as numpy.savez writes it, or damaged"
            raise UserError(str(self.file), message) from None
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(str(self.file), "a single array; an archive written by numpy.savez is expected")
        return archive

    def _read(self, key: str) -> Array:
        if key not in self._archive.files:
            raise UserError(str(self.file), f"there is no array {key!r}{closest(key, self._archive.files)}")
        try:
            array = self._archive[key]
        except Exception as error:
            raise self._unreadable(key, error) from None
        if not isinstance(array, np.ndarray):
            raise self._error(key, "can't be read: it is no array, or its head is damaged")
        return array

    def _error(self, key: str, message: str) -> UserError:
        return UserError(str(self.file), [Problem(key, message)])

    def _unreadable(self, key: str, error: Exception) -> UserError:
        first, *_ = [*str(error).splitlines(), type(error).__name__]
        return self._error(key, f"can't be read: {first}")

    def _shape(self) -> tuple[int, ...]:
        """The shape of the images, from the head of their file. Raises UserError unless they are of 8 bits."""
        shape, dtype = self._head()
        if dtype != np.uint8:
            fits = "uint8, 0 to 255, are expected, such as numpy.uint8(255 * images) of images from 0 to 1"
            raise self._error(self.images, f"{dtype} values; {fits}")
        return shape

    def _head(self) -> tuple[tuple[int, ...], np.dtype[Any]]:
        key = f"{self.images}.npy"
        if key not in self._archive.zip.namelist():
            array = self._read(self.images)
            return array.shape, array.dtype
        try:
            with self._archive.zip.open(key) as file:
                version = np.lib.format.read_magic(file)
                header = (
                    np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = header(file)
                return tuple(shape), dtype
        except Exception as error:
            raise self._unreadable(self.images, error) from None

    def _layout(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """(count, channels, height, width) of images of this shape."""
        if any(extent <= 0 for extent in shape):
            raise self._error(self.images, f"shape {shape}; there are no images, or none with pixels")
        match shape:
            case (count, height, width):
                return count, 1, height, width
            case (count, height, width, 1 | 3 as channels) | (count, 1 | 3 as channels, height, width):
                return count, channels, height, width
        raise self._error(
            self.images, f"shape {shape}; (count, height, width), with 1 or 3 channels before or after, fits"
        )

    def _pixels(self) -> npt.NDArray[np.uint8]:
        layout = self._layout(self._shape())
        array = self._read(self.images)
        if array.ndim == 4 and array.shape != layout:
            return rearrange(array, "count height width channels -> count channels height width")
        return array.reshape(layout)

    def _text(self, key: str) -> list[str]:
        array = self._read(key)
        if array.ndim != 1 or array.dtype.kind not in "iuU":
            raise self._error(key, f"{array.dtype} {array.shape}; whole numbers or text, one per image, are expected")
        return [str(value) for value in array.tolist()]

    def _classes(self, key: str) -> list[str]:
        values = self._text(key)
        self._check_count(key, len(values))
        return values

    def _binned(self, name: str, key: str) -> tuple[tuple[str, ...], Array]:
        """The classes of a field and that of each image, int64 `(count,)`."""
        values = self._classes(key)
        names = sorted_classes(values)
        count = self.bins.get(name, len(names))
        if count > len(names):
            raise self._error(key, f"{len(names)} classes; they can't be put into {count} bins")
        group = {value: index * count // len(names) for index, value in enumerate(names)}
        first = [index for index, value in enumerate(names) if index == 0 or group[value] != group[names[index - 1]]]
        return tuple(names[index] for index in first), np.array([group[value] for value in values], dtype=np.int64)

    def _rows(self, key: str) -> Array:
        array = self._read(key)
        if array.ndim not in (1, 2) or array.dtype.kind not in "fiu" or 0 in array.shape[1:]:
            raise self._error(key, f"{array.dtype} {array.shape}; a number or a row of numbers per image is expected")
        self._check_count(key, len(array))
        return array.reshape(len(array), -1)

    def _check_count(self, key: str, rows: int) -> None:
        count = self._shape()[0]
        if rows != count:
            raise self._error(key, f"has {rows} rows, there are {count} images")

    def _attribute_names(self) -> tuple[str, ...]:
        count = self._rows(str(self.attributes)).shape[1]
        names = self._text(self.attribute_names) if self.attribute_names else [f"attribute_{i}" for i in range(count)]
        if len(names) != count:
            raise self._error(str(self.attribute_names), f"{len(names)} names for {count} attributes")
        for name in (name for group in self.exclusive for name in group if name not in names):
            raise UserError("", [Problem("data.exclusive", f"no attribute {name!r}{closest(name, names)}")])
        return tuple(names)

    def _binary(self, key: str) -> npt.NDArray[np.uint8]:
        array = self._rows(key)
        fits = np.isin(array, (0, 1))
        if not fits.all():
            raise self._error(key, f"values {np.unique(array[~fits])[:5].tolist()}; 0 and 1 are expected")
        return array.astype(np.uint8)

    def _split(self, count: int) -> npt.NDArray[np.uint8]:
        if self.split_array == "split" and self.split_array not in self._archive.files:
            return drawn_split(count)
        values = self._classes(self.split_array)
        unknown = sorted(set(values) - SPLIT_NAMES.keys())
        if unknown:
            found = ", ".join(map(quoted, unknown[:5]))
            raise self._error(self.split_array, f"values {found}; 0, 1, 2 or train, validation, test fit")
        return np.array([SPLIT_NAMES[value] for value in values], dtype=np.uint8)
