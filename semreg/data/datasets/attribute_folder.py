"""A folder of images with a table of labels."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semreg.core import KNOWN, AttributesField, ImageField, Problem, Source, Specification, UserError, closest
from semreg.data.datasets.conventions import Size, Stated, class_field, said, says_splits, split_named
from semreg.data.files import (
    FileNames,
    check_link,
    list_folder,
    listing_digest,
    missing,
    quoted,
    shortened,
    stamp,
    under,
)
from semreg.data.formats import unread
from semreg.data.images import ImageFiles
from semreg.data.label_tables import LabelTable, read_label_table
from semreg.data.label_values import Attributes, read_attributes
from semreg.data.pixels import Background, Decode, Filter, White
from semreg.data.splits import drawn_in_words, drawn_split


class AttributeFolder:
    """A folder of images and a CSV table of binary attributes, classes, or both.

    The layout, with `path = "faces"` under the data root::

        faces/labels.csv            file,split,Male,Smiling,expression
        faces/images/0001.jpg       images/0001.jpg,train,0,1,happy
        faces/images/0002.jpg       images/0002.jpg,test,1,-…

    The table is UTF-8, separated by commas, with a header. The column `file` (default: the first) names an image by its
    path relative to `path`, or to the `folder` in it. Images that the table doesn't name are counted and not used. The
    optional column `split` (or `Split`, or the `split_column`) holds train, validation or test (or 0, 1, 2). Without
    it, a fifth of the images is the test split, drawn at random, the same in every run. Each column in `classes`
    becomes a field of classes. They are sorted: as numbers if all are numbers, texts with a number at the end by that
    number. `orders` states which of these fields are a "ring" or a "line". A list orders classes without numbers:
    `{ severity = ["none", "mild", "severe"] }` is a line, `{ pose = { ring = ["front", "left", "back"] } }` a ring. All
    other columns, or those in `attributes`, form the field `attributes`: 0 or 1, true or false, yes or no, or all of
    them -1 or 1. `drop` leaves columns out. At most one attribute of each group in `exclusive` is present in an image.

    A value is unknown if it is blank, -1 in a column with 0 and 1, or one of `unknown`. Then the field
    `attributes_known` is 1 for known values, and unknown attributes are 0.

    Images are cropped to the central square, resized to `size` by the `filter` ("bilinear", "box" or "lanczos"), RGB or
    (`grey`) grey. `white` is the value of a white pixel if it isn't 255, such as 1 in masks or 65535 in images of 16
    bits. The `background` is the colour under transparent pixels; by default black or white, whichever shows the images
    better. With `decode = "on_read"` images are decoded on each reading instead of once.
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
        folder: str = "",
        split_column: str | None = None,
        attributes: list[str] | None = None,
        classes: list[str] | None = None,
        orders: dict[str, Stated] | None = None,
        drop: list[str] | None = None,
        exclusive: list[list[str]] | None = None,
        unknown: list[str] | None = None,
        white: White | None = None,
        background: Background | None = None,
        filter: Filter = "bilinear",
        decode: Decode = "once",
    ) -> None:
        self.root = root
        self.path = path
        self.folder = under(root, path)
        self.csv = csv
        self.size = size
        self.channels = 1 if grey else 3
        self.file = file
        self.inside = f"{folder.strip('/')}/" if folder.strip("/") else ""
        self.split_column = split_column
        self.attributes = attributes
        self.classes = classes or []
        self.orders = orders or {}
        self.drop = drop or []
        self.exclusive = tuple(tuple(group) for group in exclusive or [])
        self.unknown = unknown
        self.white = white
        self.background = background
        self.filter = filter
        self.decode = decode

    def specification(self) -> Specification:
        """Return `image`, a field for each column in `classes`, and `attributes` if there are any. Reads the table."""
        fields: Specification = {"image": ImageField(self.channels, self.size, self.size)}
        for name in self.classes:
            fields[name] = class_field(name, self._classes(name), self.orders.get(name, "none"))
        if self._attribute_names:
            fields["attributes"] = AttributesField(self._attribute_names, self.exclusive)
            if self._attributes.known is not None:
                fields[f"attributes{KNOWN}"] = AttributesField(self._attribute_names)
        return fields

    def locate(self) -> None:
        """Find the table. Raises DataMissing if it is missing."""
        if not os.path.isfile(self.folder / self.csv):
            advice = (
                "It takes a folder of images and a table: a header, then a line per image with its path and labels."
            )
            raise missing(f"The image folder '{self.path}'", self.root, [f"{self.path}/{self.csv}"], advice)

    def source(self) -> Source:
        """Read the table and list the images.

        Raises UserError if the table names a missing file, or has a value that its column doesn't allow.
        """
        listing, others = list_folder(self.folder)
        files, fields = self._files(listing), self.specification()
        labels: dict[str, npt.NDArray[Any]] = {}
        for name in self.classes:
            position = {value: index for index, value in enumerate(fields[name].references()["names"])}
            labels[name] = np.array([position[value] for value in self._classes(name)], dtype=np.int64)
        if self._attribute_names:
            labels["attributes"], known = self._attributes
            labels |= {} if known is None else {f"attributes{KNOWN}": known}
        how = said(self, white=None, background=None, filter="bilinear", decode="once")
        others = Counter(others) - Counter([self._csv.suffix.lower()])
        split, origin = self._split()
        return Source(
            labels=labels,
            split=split,
            images=ImageFiles(str(self.folder), np.array(files), self.size, self.channels, **how),
            identity={
                "size": self.size,
                "channels": self.channels,
                "columns": [self._file_column, self._split_column, list(self._attribute_names), self.classes],
                "table": [self.csv, stamp(self._csv)],
                "unknown": self.unknown,
                "images": listing_digest((name, listing[name]) for name in files),
                **how,
            },
            remarks=(*self._unnamed(len(listing) - len(files)), *unread(others)),
            told={"split": origin, "others": dict(others)},
        )

    survey = source

    @cached_property
    def _table(self) -> LabelTable:
        """The table, with every column that an option names."""
        self.locate()
        path = self._csv
        if path.is_symlink() and path.parent == self.folder:
            check_link(os.path.realpath(self.folder), str(path), self.csv)
        table = read_label_table(path)
        header = table.columns
        reserved = {"image", "attributes", f"attributes{KNOWN}"}.intersection(self.classes)
        if reserved:
            raise UserError(
                str(path), f"a column of classes can't be called {' or '.join(sorted(reserved))}; rename it"
            )
        asked = {
            "file": [self.file] if self.file else [],
            "split_column": [self.split_column] if self.split_column not in (None, "split") else [],
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
        """Return a column of classes. Raises UserError if a value is missing."""
        values = self._column(name)
        if "" in values:
            where = f"line {self._table.lines[values.index('')]}"
            said = f"{where}: there is no value; every image needs a class, be it one called 'unknown'"
            raise UserError(str(self._csv), [Problem(name, said)])
        return values

    @property
    def _file_column(self) -> str:
        return self.file or next(iter(self._table.columns))

    @cached_property
    def _split_column(self) -> str | None:
        """The column of splits, if there is one. Raises UserError if several columns fit."""
        header, named = self._table.columns, {self._file_column, *self.classes, *self.drop, *(self.attributes or ())}
        if self.split_column is not None and self.split_column in header:
            return self.split_column
        free = [name for name in header if name not in named]
        found = [name for name in header if name.lower() == "split" and (name == "split" or name in free)]
        if not found:
            found = [name for name in free if says_splits(header[name])]
            if found:
                said = f"its values are splits; write `split_column = {json.dumps(found[0])}`, or name it in `drop`"
                raise UserError(str(self._csv), [Problem(found[0], said)])
        if len(found) > 1:
            said = f"{' and '.join(map(quoted, found))} could be meant; write `split_column = {json.dumps(found[0])}`"
            raise UserError(str(self._csv), [Problem("data.split_column", said)])
        return found[0] if found else None

    @property
    def _attribute_names(self) -> tuple[str, ...]:
        other = {self._file_column, self._split_column, *self.classes, *self.drop}
        names = self._table.columns if self.attributes is None else self.attributes
        return tuple(name for name in names if name not in other)

    @cached_property
    def _attributes(self) -> Attributes:
        """The attributes, and which of them are known. Raises UserError if a value is not an attribute's."""
        columns = {name: self._column(name) for name in self._attribute_names}
        found = read_attributes(columns, self._table.lines, self.unknown)
        if isinstance(found, list):
            raise UserError(str(self._csv), found)
        return found

    def _files(self, listing: dict[str, Any]) -> list[str]:
        names, path = FileNames(listing), str(self._csv)
        written, lines = self._table.columns[self._file_column], self._table.lines
        files = [names.find(name, self.inside) for name in written]
        absent = [row for row, file in enumerate(files) if file is None]
        if absent:
            near = {row: names.near(written[row]) for row in absent[:10]}
            problems = [
                Problem(f"line {lines[row]}: {quoted(written[row])}", "no such image in this folder" + _meant(file))
                for row, file in near.items()
            ]
            rest = [Problem("", f"and {len(absent) - 10:,} more")] if len(absent) > 10 else []
            advice = self._advice(written, names) if len(absent) == len(files) else ""
            raise UserError(path, [*problems, *rest, *([Problem("", advice)] if advice else [])])
        found = [file for file in files if file is not None]
        if len(set(found)) != len(found):
            (twice, _), *_ = Counter(found).most_common(1)
            where = [lines[row] for row, file in enumerate(found) if file == twice]
            raise UserError(path, f"{quoted(twice)} is named twice, on line {where[0]} and line {where[1]}")
        return found

    def _advice(self, written: list[str], names: FileNames) -> str:
        """Return the option that would find the images, if no named image was found."""
        folder = folder_of(written, names)
        if folder:
            return f"write `folder = {json.dumps(folder, ensure_ascii=False)}` under [data]"
        for name, column in self._table.columns.items():
            if all(names.find(value, self.inside) for value in column):
                return (
                    f"the images are named in the column {quoted(name)}; write `file = {json.dumps(name)}` under [data]"
                )
        return ""

    def _unnamed(self, count: int) -> tuple[str, ...]:
        """Warn about images that the table doesn't name."""
        names = "1 image is" if count == 1 else f"{count:,} images are"
        return (f"{names} in {shortened(self.folder)}, but not in {self.csv}, and not used",) if count else ()

    def _split(self) -> tuple[npt.NDArray[np.uint8], str]:
        """Return the split and its origin."""
        name, count = self._split_column, len(self._table.lines)
        if name is None:
            return drawn_split(count), drawn_in_words(count)
        column = self._column(name)
        known = {value: split_named(value) for value in set(column)}
        for row, value in enumerate(column):
            if known[value] is None:
                where = f"{name}, line {self._table.lines[row]}"
                raise UserError(
                    str(self._csv), [Problem(where, f"{quoted(value)}; expected train, validation or test")]
                )
        return np.array([known[value] for value in column], dtype=np.uint8), f"the column {quoted(name)} of {self.csv}"


def folder_of(written: Sequence[str], names: FileNames) -> str:
    """Return the folder of all images if a table names them without it and there is only one; else an empty text."""
    near = [names.near(name) or "" for name in written]
    folders = {os.path.dirname(file) for file, name in zip(near, written, strict=True) if _ends_in(file, name)}
    return folders.pop() if all(near) and len(folders) == 1 else ""


def _meant(file: str | None) -> str:
    return f"; did you mean {quoted(file)}?" if file else ""


def _ends_in(file: str, name: str) -> bool:
    """Return whether the found file has that name, in any folder."""
    return file.endswith(f"/{name.strip()}")
