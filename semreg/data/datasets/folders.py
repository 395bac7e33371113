"""Folders of images: with a table of labels, or with a folder per class."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Interval

from semreg.data.files import Names, list_images, listing_digest, missing, stamp, under
from semreg.data.images import ImageFiles
from semreg.data.source import SPLITS, TEST, TRAIN, VALIDATION, Source
from semreg.data.specification import AttributesField, ClassField, ImageField, Order, Specification
from semreg.data.splits import drawn_split
from semreg.errors import Problem, UserError, closest

SPLIT_NAMES = {**SPLITS, "valid": VALIDATION, "val": VALIDATION, "0": TRAIN, "1": VALIDATION, "2": TEST}

Size = Annotated[int, Interval(ge=1, le=4096)]


class AttributeFolder:
    """A folder of images and a CSV table of binary attributes, classes, or both.

    The layout, with `path = "faces"` under the data root::

        faces/labels.csv            file,split,Male,Smiling,expression
        faces/images/0001.jpg       images/0001.jpg,train,0,1,happy
        faces/images/0002.jpg       images/0002.jpg,test,1,-…

    The table is UTF-8, separated by commas, with a header. The column `file` (default: the first) names an image by its
    path relative to `path`; images it does not name are not used. The column `split`, if there is one, holds train,
    validation or test (or 0, 1, 2); without it a fifth of the images, drawn once and for all, is the test split.
    The columns in `classes` are fields of classes of their own; `orders` says which of them are a "ring" or a "line"
    (classes are sorted, as numbers if all are). All other columns, or those in `attributes`, are the field
    `attributes`: 0 or 1, or all of them -1 or 1. `drop` leaves columns out; of each group in `exclusive` at most one is
    present.

    Images are cropped to the central square, resized to `size`, RGB or (`grey`) grey.
    """

    def __init__(
        self,
        *,
        path: str,
        root: Path = Path("data"),
        csv: str = "labels.csv",
        size: Size = 64,
        grey: bool = False,
        file: str | None = None,
        split_column: str = "split",
        attributes: list[str] | None = None,
        classes: list[str] | None = None,
        orders: dict[str, Order] | None = None,
        drop: list[str] | None = None,
        exclusive: list[list[str]] | None = None,
    ) -> None:
        self.root = root
        self.path = path
        self.folder = under(root, path)
        self.csv = csv
        self.size = size
        self.channels = 1 if grey else 3
        self.file = file
        self.split_column = split_column
        self.attributes = attributes
        self.classes = classes or []
        self.orders = orders or {}
        self.drop = drop or []
        self.exclusive = tuple(tuple(group) for group in exclusive or [])

    def specification(self) -> Specification:
        """`image`, a field for each column in `classes`, and `attributes` if there are any. Reads the table."""
        fields: Specification = {"image": ImageField(self.channels, self.size, self.size)}
        for name in self.classes:
            fields[name] = ClassField(sorted_classes(self._table[name]), self.orders.get(name, "none"))
        if self._attribute_names:
            fields["attributes"] = AttributesField(self._attribute_names, self.exclusive)
        return fields

    def locate(self) -> None:
        """Raises DataMissing unless the table is there."""
        if not (self.folder / self.csv).is_file():
            advice = (
                "It takes a folder of images and a table: a header, then a line per image with its path and labels."
            )
            raise missing(f"The image folder '{self.path}'", self.root, [f"{self.path}/{self.csv}"], advice)

    def source(self) -> Source:
        """Reads the table and lists the images.

        Raises UserError if the table names a file that is not there, or a value that is not one of its column's.
        """
        table = self.folder / self.csv
        listing = list_images(self.folder)
        files = self._files(listing)
        labels: dict[str, npt.NDArray[Any]] = {}
        for name in self.classes:
            position = {value: index for index, value in enumerate(sorted_classes(self._table[name]))}
            labels[name] = np.array([position[value] for value in self._table[name]], dtype=np.int64)
        if self._attribute_names:
            labels["attributes"] = self._binary()
        return Source(
            labels=labels,
            split=self._split(),
            images=ImageFiles(str(self.folder), np.array(files), self.size, self.channels),
            identity={
                "size": self.size,
                "channels": self.channels,
                "columns": [self._file_column, self.split_column, list(self._attribute_names), self.classes],
                "table": stamp(table),
                "images": listing_digest((name, listing[name]) for name in files),
            },
        )

    @cached_property
    def _table(self) -> dict[str, list[str]]:
        """The columns of the table, with every column that an option names."""
        self.locate()
        path = self.folder / self.csv
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = [row for row in csv.reader(file) if row]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise UserError(str(path), f"can't be read: {error}") from None
        header = [name.strip() for name in rows[0]] if rows else []
        wrong = [number for number, row in enumerate(rows, start=1) if len(row) != len(header)]
        if len(rows) < 2:
            raise UserError(str(path), "there are no rows; a header and a line per image are expected")
        if len(set(header)) != len(header) or "" in header:
            raise UserError(str(path), f"the header has a name twice, or an empty one: {', '.join(header)}")
        if wrong:
            found = f"line {wrong[0]} has {len(rows[wrong[0] - 1])} columns, the header {len(header)}"
            raise UserError(str(path), found + (f" ({len(wrong)} such lines)" if len(wrong) > 1 else ""))
        reserved = {"image", "attributes"}.intersection(self.classes)
        if reserved:
            raise UserError(
                str(path), f"a column of classes can't be called {' or '.join(sorted(reserved))}; rename it"
            )
        asked = {
            "file": [self.file] if self.file else [],
            "attributes": self.attributes or [],
            "classes": self.classes,
            "orders": list(self.orders),
            "drop": self.drop,
            "exclusive": [name for group in self.exclusive for name in group],
        }
        unknown = [(key, name) for key, names in asked.items() for name in names if name not in header]
        if unknown:
            problems = [Problem(f"data.{key}", f"no column {name!r}{closest(name, header)}") for key, name in unknown]
            raise UserError(str(path), problems)
        return {name: [row[index].strip() for row in rows[1:]] for index, name in enumerate(header)}

    @property
    def _file_column(self) -> str:
        return self.file or next(iter(self._table))

    @property
    def _attribute_names(self) -> tuple[str, ...]:
        other = {self._file_column, self.split_column, *self.classes, *self.drop}
        names = self._table if self.attributes is None else self.attributes
        return tuple(name for name in names if name not in other)

    def _files(self, listing: dict[str, Any]) -> list[str]:
        names, path = Names(listing), str(self.folder / self.csv)
        written = self._table[self._file_column]
        files = [names.find(name) for name in written]
        absent = [f"line {row + 2}: {written[row]!r}" for row, file in enumerate(files) if file is None]
        if absent:
            problems = [Problem(where, "no such image in this folder") for where in absent[:10]]
            rest = [Problem("", f"and {len(absent) - 10:,} more")] if len(absent) > 10 else []
            raise UserError(path, [*problems, *rest])
        found = [file for file in files if file is not None]
        if len(set(found)) != len(found):
            (twice, _), *_ = Counter(found).most_common(1)
            raise UserError(path, f"{twice!r} is named twice")
        return found

    def _binary(self) -> npt.NDArray[np.uint8]:
        """The attributes as 0 or 1, `(rows, attributes)`."""
        columns = [self._table[name] for name in self._attribute_names]
        absent = "-1" if any("-1" in column for column in columns) else "0"
        problems = []
        for name, column in zip(self._attribute_names, columns, strict=True):
            row = next((row for row, value in enumerate(column) if value not in (absent, "1")), None)
            if row is not None:
                problems.append(Problem(name, f"line {row + 2}: {column[row]!r} is neither {absent} nor 1; a column of "
                                        "classes is named in `classes`, another one in `drop`"))  # fmt: skip
        if problems:
            raise UserError(str(self.folder / self.csv), problems)
        return np.equal(np.array(columns, dtype=np.str_).T, "1").astype(np.uint8)

    def _split(self) -> npt.NDArray[np.uint8]:
        column = self._table.get(self.split_column)
        if column is None:
            return drawn_split(len(self._table[self._file_column]))
        for row, value in enumerate(column):
            if value not in SPLIT_NAMES:
                where = f"{self.split_column}, line {row + 2}"
                raise UserError(
                    str(self.folder / self.csv), [Problem(where, f"{value!r}; train, validation or test fit")]
                )
        return np.array([SPLIT_NAMES[value] for value in column], dtype=np.uint8)


class ImageFolder:
    """A folder of images with a folder per class.

    The layout, with `path = "animals"` under the data root, is one of::

        animals/cat/001.jpg         animals/train/cat/001.jpg
        animals/dog/tom.png         animals/test/dog/tom.png

    with `validation` (or `val`) beside `train` and `test` if wanted. Without these folders a fifth of each class, drawn
    once and for all, is the test split. Fields: `image`, cropped to the central square and resized to `size`, RGB or
    (`grey`) grey; the classes under the name `label`, sorted (as numbers if all are), in the given `order`.
    """

    def __init__(
        self,
        *,
        path: str,
        root: Path = Path("data"),
        size: Size = 64,
        grey: bool = False,
        label: str = "label",
        order: Order = "none",
    ) -> None:
        self.root = root
        self.path = path
        self.folder = under(root, path)
        self.size = size
        self.channels = 1 if grey else 3
        self.label = label
        self.order = order

    def specification(self) -> Specification:
        """`image` and the classes. Lists the folders."""
        self.locate()
        names = sorted_classes([name for part in self._parts() for name in _folders(self.folder / part)])
        return {"image": ImageField(self.channels, self.size, self.size), self.label: ClassField(names, self.order)}

    def locate(self) -> None:
        """Raises DataMissing unless there is a folder for at least one class."""
        if not self.folder.is_dir() or not any(_folders(self.folder / part) for part in self._parts()):
            looked_for = [f"{self.path}/CLASS/IMAGE", f"{self.path}/train/CLASS/IMAGE"]
            raise missing(f"The image folder '{self.path}'", self.root, looked_for, "It takes a folder per class.")

    def source(self) -> Source:
        """Lists the images."""
        listing = {
            f"{part}/{name}" if part else name: value
            for part in self._parts()
            for name, value in list_images(self.folder / part).items()
            if "/" in name
        }
        classes = self.specification()[self.label]
        position = {name: index for index, name in enumerate(classes.references()["names"])}
        parts = self._parts()
        depth = 1 if any(parts) else 0
        labels = np.array([position[name.split("/")[depth]] for name in listing], dtype=np.int64)
        split = (
            np.array([SPLIT_NAMES[name.split("/")[0]] for name in listing], dtype=np.uint8)
            if depth
            else drawn_split(len(listing), classes=labels)
        )
        return Source(
            labels={self.label: labels},
            split=split,
            images=ImageFiles(str(self.folder), np.array(list(listing), dtype=np.str_), self.size, self.channels),
            identity={"size": self.size, "channels": self.channels, "images": listing_digest(listing.items())},
        )

    def _parts(self) -> list[str]:
        """The folders of splits; [""] if there are none and classes lie at the top."""
        found = [name for name in ("train", "validation", "valid", "val", "test") if (self.folder / name).is_dir()]
        return found if "train" in found else [""]


def _folders(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]


def sorted_classes(values: Sequence[str]) -> tuple[str, ...]:
    """The different values, sorted; as numbers if all are."""
    different = sorted(set(values))
    try:
        return tuple(sorted(different, key=float))
    except ValueError:
        return tuple(different)
