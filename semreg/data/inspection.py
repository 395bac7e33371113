"""Finds the data at a path and returns a recipe's `[data]` for them: the data set that reads them, its options, and its
labels.

The data sets themselves find files, read tables and open arrays; this module decides how to interpret them.
"""

from __future__ import annotations

import contextlib
import keyword
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from semreg.core import AttributesField, ClassField, UserError, closest
from semreg.data.cache import survey
from semreg.data.dataset import Cached
from semreg.data.datasets.archives import Archive, Head
from semreg.data.datasets.attribute_folder import AttributeFolder, folder_of
from semreg.data.datasets.conventions import SPLIT_WORDS, has_order, says_splits, sorted_classes
from semreg.data.datasets.image_folder import ImageFolder
from semreg.data.datasets.npz import NumpyArchive
from semreg.data.files import (
    FileNames,
    folders_in,
    holds_images,
    is_passed_over,
    list_folder,
    list_images,
    quoted,
    shortened,
    under,
)
from semreg.data.formats import endings, unread
from semreg.data.images import Glimpse, glimpse
from semreg.data.label_tables import LabelTable, read_label_table
from semreg.data.label_values import read_attributes
from semreg.data.pixels import DARK, white_among

LOOKED_AT = 64
"""How many images, and rows of a table, are read to guess about all of them."""
LEAST_OF_A_CLASS, MOST_CLASSES = 4, 1_000
"""A label is not treated as classes if it has fewer images for each value, on the average, or more values."""
LEAST_ORDERED, MOST_ORDERED = 4, 64
"""The least and most numbers that are treated as a line of classes: among three classes, the middle
one neighbours all."""
MOST_UNBINNED, BINS, SHARED, MANY = 24, 8, 2, 20
"""An array with more different numbers than MOST_UNBINNED is put into BINS bins, if on the average at least SHARED
images share a number, but fewer than the MANY that would do without bins."""
LEAST_SIDE, LEAST_IMAGES = 8, 10
"""Data are rejected if most images are smaller, or if there are fewer images."""
NOT_VARIED = "it is the same for all images"
UNSAYABLE = "a recipe can't use its name; rename it with letters, digits and _"


@dataclass(frozen=True)
class Found:
    """The data found at a path."""

    options: dict[str, Any]
    """The recipe's `[data]`, except the size of images and batches."""
    data: Cached
    """The data set without images, from names and tables."""
    labels: tuple[str, ...]
    """The fields whose classes can be learned."""
    side: int
    """The smaller side, in pixels, that half of the images or more reach."""
    bad: int
    """How many of the images that were read are unreadable."""
    left_out: dict[str, str]
    """Labels and files that were left out, with the reasons."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of the binary attributes."""
        field = self.data.fields.get("attributes")
        return field.names if isinstance(field, AttributesField) else ()

    def names(self, label: str) -> tuple[str, ...]:
        """Return the classes of a field, in order."""
        field = self.data.fields[label]
        return field.names if isinstance(field, ClassField) else ()

    def is_ordered(self, label: str) -> bool:
        """Return whether the classes of a field are treated as a line."""
        return label in self.options.get("orders", {})


def look_at(path: Path) -> Found:
    """Find the data at a path: a folder of images, a table of their labels, or an archive of arrays.

    Raises UserError if no data set reads the path, with advice.
    """
    whole = Path(os.path.abspath(under(Path(), str(path))))
    if not str(whole).isprintable():
        raise UserError(
            shortened(path), "a recipe can't contain this path; rename files and folders with unprintable letters"
        )
    if os.path.isdir(whole):
        return _folder(whole)
    if not os.path.exists(whole):  # which never raises
        with contextlib.suppress(OSError):
            beside = os.listdir(whole.parent)
            raise UserError(shortened(path), f"there is no such file or folder{closest(whole.name, beside)}")
        raise UserError(shortened(path), "there is no such file or folder")
    if whole.suffix.lower() == ".npz":
        return _archive(whole)
    if whole.suffix.lower() in endings():
        raise UserError(shortened(path), "this is one image; give the folder of many")
    table = read_label_table(whole)
    files = FileNames(list_images(whole.parent))
    place = _place(table, files)
    if place is None:
        near = next((name for column in table.columns.values() if (name := files.near(column[0]))), None)
        said = f"; the table would name {quoted(near)} so" if near else ""
        raise UserError(shortened(path), f"no column names images by their paths from the table's folder{said}")
    return _table(whole, table, *place)


def _folder(folder: Path) -> Found:
    images = list_images(folder)
    tables, unreadable = _tables(folder, FileNames(images))
    usual = folder / "labels.csv"
    first = usual if usual in tables else next(iter(tables), None)
    if len(tables) > 1 and first != usual:
        named = " and ".join(path.name for path in tables)
        raise UserError(shortened(folder), f"{named} name images; say which by --data {shortened(str(first))}")
    if first is not None:
        return _table(first, *tables[first])
    if usual in unreadable:
        raise unreadable[usual]
    if not images:
        archives = sorted(folder.glob("*.npz"))
        advice = [f"--data {shortened(archives[0])} reads the archive"] if archives else []
        said = "; ".join(["there are no images in this folder", *advice, *unread(list_folder(folder).others)])
        raise UserError(shortened(folder), said)
    holding = [name for name in folders_in(folder) if holds_images(folder / name)]
    if len(holding) == 1 and holding[0].lower() not in SPLIT_WORDS and all("/" in name for name in images):
        return _folder(folder / holding[0])
    options: dict[str, Any] = {"use": "image_folder", "path": str(folder), "label": "label"}
    left_out = {path.name: error.problems[0].message for path, error in unreadable.items()}
    names = _names_of_classes(ImageFolder(path=str(folder)))
    said = _unfit(len(names), len(images))
    if said:
        what = "the classes by folders" if len(names) > 1 else "the one class"
        return _of_files(options, (), left_out | {what: said})
    if _is_line(names):
        options["orders"] = {"label": "line"}
    return _of_files(options, ("label",), left_out)


def _tables(folder: Path, files: FileNames) -> tuple[dict[Path, tuple[LabelTable, str, str]], dict[Path, UserError]]:
    """Return the tables of a folder that name images in it, with their `_place`, and those that can't be read."""
    naming, unreadable = {}, {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() != ".csv" or is_passed_over(path.name) or not path.is_file():
            continue
        try:
            table = read_label_table(path)
        except UserError as error:
            unreadable[path] = error
            continue
        place = _place(table, files)
        if place is not None:
            naming[path] = (table, *place)
    return naming, unreadable


def _place(table: LabelTable, files: FileNames) -> tuple[str, str] | None:
    """Return the column of a table that names most images, and the folder of the images if the names lack it."""
    for name, values in table.columns.items():
        some = values[:LOOKED_AT]
        if 2 * sum(files.find(value) is not None for value in some) > len(some):
            return name, ""
    for name, values in table.columns.items():
        folder = folder_of(values[:LOOKED_AT], files)
        if folder:
            return name, folder
    return None


def _table(path: Path, table: LabelTable, file: str, folder: str) -> Found:
    columns = {name: [value.strip() for value in values] for name, values in table.columns.items() if name != file}
    options: dict[str, Any] = {"use": "attribute_folder", "path": str(path.parent), "csv": path.name}
    if file != next(iter(table.columns)):
        options["file"] = file
    if folder:
        options["folder"] = folder
    split = next((name for name in columns if name.lower() == "split"), None)
    if split is None:
        split = next((name for name, values in columns.items() if says_splits(values)), None)
        options |= {} if split is None else {"split_column": split}
    classes: list[str] = []
    attributes: list[str] = []
    left_out: dict[str, str] = {}
    for name, values in columns.items():
        is_binary = not isinstance(read_attributes({name: values}, table.lines), list)
        said = _unfit_column(name, values, is_binary=is_binary) if name != split else ""
        if said:
            left_out[name] = said
        elif name != split:
            (attributes if is_binary else classes).append(name)
    if len(attributes) == 1 and can_be_field(attributes[0]) and "" not in columns[attributes[0]]:
        classes, attributes = classes + attributes, []  # present or absent: two classes
    if classes:
        options["classes"] = classes
    lines = {name: "line" for name in classes if _is_line(sorted_classes(columns[name]))}
    if lines:
        options["orders"] = lines
    if not attributes:
        options["attributes"] = []
    elif left_out:
        options["drop"] = list(left_out)
    return _of_files(options, tuple(classes), left_out)


def _archive(path: Path) -> Found:
    archive = Archive(path)
    by_split = archive.keys_by_split()
    parts = {name for names in by_split.values() for name in names}
    heads = {key: archive.head(key) for key in [*by_split, *(name for name in archive.names if name not in parts)]}
    images = sorted((key for key, head in heads.items() if len(head.shape) > 2), key=_unlike_images)
    if not images:
        raise UserError(shortened(path), f"no array holds images (count, height, width, …){closest('', archive.names)}")
    options: dict[str, Any] = {"use": "npz", "path": str(path), "images": images[0]}
    left_out = dict.fromkeys(images[1:], "other images are taken")
    pixels = archive.read(images[0])
    largest = float(pixels.max()) if pixels.size and pixels.dtype.kind in "iuf" else 255
    if pixels.dtype not in (np.uint8, np.bool_) or 0 < largest <= DARK:
        options["white"] = white_among(largest)
    del pixels
    classes: dict[str, str] = {}
    bins: dict[str, int] = {}
    rows = NumpyArchive(**_arguments(options)).survey().split.shape[0]
    for key, head in heads.items():
        if key.lower() == "split" or len(head.shape) > 2:
            continue
        attributes = {"attributes": key, **_names_of_attributes(heads, head)}
        if len(head.shape) == 2 and head.shape[1] > 1 and _fields({**options, **attributes}):
            options |= attributes
            continue
        for number, column in enumerate(_columns(key, head)):
            field = _fields({**options, "classes": {"label": column}}).get("label")
            names = field.names if isinstance(field, ClassField) else ()
            said = _unfit(len(names), rows) if names else "it holds no classes"
            binned = len(names) > MOST_UNBINNED and has_order(names) and SHARED * len(names) <= rows < MANY * len(names)
            if said and not binned:
                left_out[column] = said
                continue
            name = re.sub(r"\W+", "_", key.replace("*", "")).strip("_") + ("" if column == key else f"_{number}")
            name = name if can_be_field(name) else f"label_{len(classes)}"
            classes[name] = column
            bins |= {name: BINS} if binned else {}
    left_out = {key: said for key, said in left_out.items() if key != options.get("attribute_names")}
    if len(classes) == 1 and not bins:
        classes = dict(zip(["label"], classes.values(), strict=True))
    options |= {key: value for key, value in {"classes": classes, "bins": bins}.items() if value}
    names_of = {name: field.references()["names"] for name, field in _fields(options).items() if name in classes}
    lines = {name: "line" for name, names in names_of.items() if _is_line(names)}
    options |= {"orders": lines} if lines else {}
    dataset = NumpyArchive(**_arguments(options))
    image = dataset.specification()["image"].references()
    return _found(options, survey(dataset), tuple(classes), min(image["height"], image["width"]), 0, left_out)


def _of_files(options: dict[str, Any], labels: tuple[str, ...], left_out: dict[str, str]) -> Found:
    """Return the data of image files, after reading some of them, and the given labels."""
    read_by = {"image_folder": ImageFolder, "attribute_folder": AttributeFolder}[options["use"]]
    files = read_by(**_arguments(options)).source().images
    names = [str(name) for name in files.names]
    places = sorted({round(place) for place in np.linspace(0, len(names) - 1, LOOKED_AT)})
    seen: list[Glimpse] = []
    errors: list[UserError] = []
    for place in places:
        try:
            seen.append(glimpse(Path(options["path"], names[place])))
        except UserError as error:
            errors.append(error)
    if not seen:
        raise errors[0]
    if all(one.grey for one in seen):
        options["grey"] = True
    white = max((one.white for one in seen if one.white), default=None)
    if all(0 < one.largest <= DARK for one in seen):
        white = white_among(max(one.largest for one in seen))
    if white is not None:
        options["white"] = white
    data = survey(read_by(**_arguments(options)))
    return _found(options, data, labels, round(median(one.side for one in seen)), len(errors), left_out)


def _found(
    options: dict[str, Any], data: Cached, labels: tuple[str, ...], side: int, bad: int, left_out: dict[str, str]
) -> Found:
    count, place = len(data.split), shortened(options["path"])
    if count < LEAST_IMAGES:
        raise UserError(place, f"{count} images are too few to learn from; expected at least {LEAST_IMAGES}")
    if side < LEAST_SIDE:
        raise UserError(place, f"the smaller side of the images has {side} pixels; expected at least {LEAST_SIDE}")
    if data.counts["train"] < 2:
        raise UserError(place, f"only {data.counts['train']} of {count:,} images is for training; expected more")
    unsaid = [name for name in left_out if left_out[name] == UNSAYABLE]
    if unsaid and not labels and "attributes" not in data.fields:
        raise UserError(place, f"the column {quoted(unsaid[0])} would be the label, but {UNSAYABLE}")
    return Found(options, data, labels, side, bad, left_out)


def can_be_field(name: str) -> bool:
    """Return whether a field of classes can have a name."""
    reserved = {"image", "split", "attributes", "attributes_known"}
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and name not in reserved


def _unfit_column(name: str, values: Sequence[str], *, is_binary: bool) -> str:
    """Return why a column is neither an attribute nor classes; empty if it is."""
    different = set(values)
    if is_binary:
        return NOT_VARIED if len(different - {""}) < 2 else ""
    if "" in different:
        return f"{values.count(''):,} of its values are blank"
    return _unfit(len(different), len(values)) or ("" if can_be_field(name) else UNSAYABLE)


def _unfit(different: int, rows: int) -> str:
    """Return why so many different values of so many images can't be learned as classes; empty if they can."""
    if different < 2:
        return NOT_VARIED
    if different > MOST_CLASSES:
        return f"{different:,} different values are more than {MOST_CLASSES:,}"
    if rows < LEAST_OF_A_CLASS * different:
        return f"{different:,} different values of {rows:,} images are fewer than {LEAST_OF_A_CLASS} images each"
    return ""


def _is_line(names: Sequence[str]) -> bool:
    return LEAST_ORDERED <= len(names) <= MOST_ORDERED and has_order(names)


def _columns(key: str, head: Head) -> list[str]:
    """Return the keys of the columns of an array that may be classes."""
    if len(head.shape) < 2 or head.shape[1] == 1:
        return [key]
    return [f"{key}[:, {number}]" for number in range(head.shape[1])] if head.dtype.kind in "biuUS" else []


def _names_of_attributes(heads: dict[str, Head], attributes: Head) -> dict[str, str]:
    """Return the option for the array of text with a name for each attribute, if there is one."""
    named = [key for key, head in heads.items() if head.shape == attributes.shape[1:] and head.dtype.kind in "US"]
    return {"attribute_names": named[0]} if named else {}


def _fields(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an archive; none if it can't be read with these options."""
    try:
        return dict(NumpyArchive(**_arguments(options)).specification())
    except UserError:
        return {}


def _arguments(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "use"}


def _unlike_images(key: str) -> bool:
    return not re.search("image|img|^x", key, re.IGNORECASE)


def _names_of_classes(dataset: ImageFolder) -> tuple[str, ...]:
    field = dataset.specification()["label"]
    return field.names if isinstance(field, ClassField) else ()
