"""A folder of images with a table of labels."""

from __future__ import annotations

import os
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semreg.core import (
    AttributesField,
    ClassField,
    ImageField,
    Order,
    Problem,
    Source,
    Specification,
    UserError,
    closest,
)
from semreg.data.datasets.conventions import SPLIT_NAMES, Size, sorted_classes
from semreg.data.files import (
    FileNames,
    check_link,
    list_images,
    listing_digest,
    missing,
    printable,
    quoted,
    stamp,
    under,
)
from semreg.data.images import ImageFiles
from semreg.data.label_tables import LabelTable, read_label_table
from semreg.data.splits import drawn_split


class AttributeFolder:
    """A folder of images and a CSV table of binary attributes, classes, or both.

    The layout, with `path = "faces"` under the data root::

        faces/labels.csv            file,split,Male,Smiling,expression
        faces/images/0001.jpg       images/0001.jpg,train,0,1,happy
        faces/images/0002.jpg       images/0002.jpg,test,1,-…

    The table is UTF-8, separated by commas, with a header. The column `file` (default: the first) names an image by its
    path relative to `path`; images it does not name are not used, and counted. The column `split`, if there is one,
    holds train, validation or test (or 0, 1, 2); without it a fifth of the images, drawn once and for all, is the test
    split. The columns in `classes` are fields of classes of their own; `orders` says which of them are a "ring" or a
    "line" (classes are sorted, as numbers if all are). All other columns, or those in `attributes`, are the field
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
            fields[name] = ClassField(sorted_classes(self._classes(name)), self.orders.get(name, "none"))
        if self._attribute_names:
            fields["attributes"] = AttributesField(self._attribute_names, self.exclusive)
        return fields

    def locate(self) -> None:
        """Raises DataMissing unless the table is there."""
        if not os.path.isfile(self.folder / self.csv):
            advice = (
                "It takes a folder of images and a table: a header, then a line per image with its path and labels."
            )
            raise missing(f"The image folder '{self.path}'", self.root, [f"{self.path}/{self.csv}"], advice)

    def source(self) -> Source:
        """Reads the table and lists the images.

        Raises UserError if the table names a file that is not there, or a value that is not one of its column's.
        """
        listing = list_images(self.folder)
        files = self._files(listing)
        labels: dict[str, npt.NDArray[Any]] = {}
        for name in self.classes:
            values = self._classes(name)
            position = {value: index for index, value in enumerate(sorted_classes(values))}
            labels[name] = np.array([position[value] for value in values], dtype=np.int64)
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
                "table": stamp(self._csv),
                "images": listing_digest((name, listing[name]) for name in files),
            },
            remarks=self._unnamed(len(listing) - len(files)),
        )

    @cached_property
    def _table(self) -> LabelTable:
        """The table, with every column that an option names."""
        self.locate()
        path = self._csv
        if path.is_symlink() and path.parent == self.folder:
            check_link(os.path.realpath(self.folder), str(path), self.csv)
        table = read_label_table(path)
        header = table.columns
        reserved = {"image", "attributes"}.intersection(self.classes)
        if reserved:
            raise UserError(
                str(path), f"a column of classes can't be called {' or '.join(sorted(reserved))}; rename it"
            )
        asked = {
            "file": [self.file] if self.file else [],
            "split_column": [self.split_column] if self.split_column != "split" else [],
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
        return table

    @property
    def _csv(self) -> Path:
        return self.folder / self.csv

    def _column(self, name: str) -> list[str]:
        return [value.strip() for value in self._table.columns[name]]

    def _classes(self, name: str) -> list[str]:
        """A column of classes. Raises UserError where a value is missing."""
        values = self._column(name)
        if "" in values:
            where = f"line {self._table.lines[values.index('')]}"
            raise UserError(str(self._csv), [Problem(name, f"{where}: there is no value; every image needs a class")])
        return values

    @property
    def _file_column(self) -> str:
        return self.file or next(iter(self._table.columns))

    @property
    def _attribute_names(self) -> tuple[str, ...]:
        other = {self._file_column, self.split_column, *self.classes, *self.drop}
        names = self._table.columns if self.attributes is None else self.attributes
        return tuple(name for name in names if name not in other)

    def _files(self, listing: dict[str, Any]) -> list[str]:
        names, path = FileNames(listing), str(self._csv)
        written, lines = self._table.columns[self._file_column], self._table.lines
        files = [names.find(name) for name in written]
        absent = [row for row, file in enumerate(files) if file is None]
        if absent:
            message = "no such image in this folder"
            problems = [Problem(f"line {lines[row]}: {quoted(written[row])}", message) for row in absent[:10]]
            rest = [Problem("", f"and {len(absent) - 10:,} more")] if len(absent) > 10 else []
            raise UserError(path, [*problems, *rest])
        found = [file for file in files if file is not None]
        if len(set(found)) != len(found):
            (twice, _), *_ = Counter(found).most_common(1)
            where = [lines[row] for row, file in enumerate(found) if file == twice]
            raise UserError(path, f"{quoted(twice)} is named twice, on line {where[0]} and line {where[1]}")
        return found

    def _unnamed(self, count: int) -> tuple[str, ...]:
        """What to say of images that the table does not name."""
        names = "1 image is" if count == 1 else f"{count:,} images are"
        return (f"{names} in {printable(self.folder)}, but not in {self.csv}, and not used",) if count else ()

    def _binary(self) -> npt.NDArray[np.uint8]:
        """The attributes as 0 or 1, `(rows, attributes)`."""
        columns = [self._column(name) for name in self._attribute_names]
        absent = "-1" if any("-1" in column for column in columns) else "0"
        problems = []
        for name, column in zip(self._attribute_names, columns, strict=True):
            row = next((row for row, value in enumerate(column) if value not in (absent, "1")), None)
            if row is not None:
                where = f"line {self._table.lines[row]}: {quoted(column[row])}"
                problems.append(Problem(name, f"{where} is neither {absent} nor 1; a column of classes is named in "
                                        "`classes`, another one in `drop`"))  # fmt: skip
        if problems:
            raise UserError(str(self._csv), problems)
        return np.equal(np.array(columns, dtype=np.str_).T, "1").astype(np.uint8)

    def _split(self) -> npt.NDArray[np.uint8]:
        if self.split_column not in self._table.columns:
            return drawn_split(len(self._table.lines))
        column = self._column(self.split_column)
        for row, value in enumerate(column):
            if value not in SPLIT_NAMES:
                where = f"{self.split_column}, line {self._table.lines[row]}"
                raise UserError(str(self._csv), [Problem(where, f"{quoted(value)}; train, validation or test fit")])
        return np.array([SPLIT_NAMES[value] for value in column], dtype=np.uint8)
