"""A folder of images with a folder per class."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from semreg.core import Field, ImageField, Source, Specification, UserError, closest
from semreg.data.datasets.conventions import SPLIT_NAMES, Size, Stated, class_field, field_name, said
from semreg.data.files import (
    Listing,
    Stamp,
    folders_in,
    holds_images,
    list_folder,
    listing_digest,
    missing,
    quoted,
    shortened,
    under,
)
from semreg.data.formats import endings, unread
from semreg.data.images import ImageFiles
from semreg.data.pixels import Background, Decode, Filter, White
from semreg.data.splits import drawn_in_words, drawn_split

FOLDERS_OF_SPLITS = (("train", "training"), ("validation", "valid", "val"), ("test", "testing"))
"""In lower case; the usual names of each split come first."""
USUAL = frozenset({"train", "validation", "valid", "val", "test"})


class ImageFolder:
    """A folder of images with a folder per class.

    The layout, with `path = "animals"` under the data root, is one of::

        animals/cat/001.jpg         animals/train/cat/001.jpg
        animals/dog/tom.png         animals/test/dog/tom.png

    with an optional `validation` (or `val`) beside `train` and `test`, in any case. Without these folders a fifth of
    each class is the test split, drawn at random, the same in every run. If there are no folders of classes, all images
    are of a single class with the name of their folder. Fields: `image` `(channels, size, size)`, cropped to the
    central square and resized, RGB or (`grey`) grey; the classes under the name `label`, sorted: as numbers if all are
    numbers, texts with a number at the end by that number.

    `order` states the neighbours of classes: "ring" or "line". If no number orders the classes,
    `orders = { label = ["front", "left", "back"] }` lists them as a line (as a ring with `order = "ring"`). `white` is
    the value of a white pixel if it isn't 255, such as 1 in masks or 65535 in images of 16 bits. The `background` is
    the colour under transparent pixels; by default black or white, whichever shows the images better. Images are
    resized by the `filter`: "bilinear", "box" or "lanczos". With `decode = "on_read"` they are decoded on each reading
    instead of once. Hidden files, folders that other programs leave, and folders without images are counted and not
    used.
    """

    def __init__(
        self,
        *,
        path: str,
        root: Path = Path("data"),
        size: Size = 64,
        grey: bool = False,
        label: str = "label",
        order: Stated = "none",
        orders: dict[str, Stated] | None = None,
        white: White | None = None,
        background: Background | None = None,
        filter: Filter = "bilinear",
        decode: Decode = "once",
    ) -> None:
        for name in (orders or {}).keys() - {label}:
            raise UserError("", f"orders names {name!r}, no field of classes{closest(name, [label])}")
        self.root = root
        self.path = path
        self.folder = under(root, path)
        self.size = size
        self.channels = 1 if grey else 3
        self.label = field_name(label)
        listed = (orders or {}).get(label)
        self.order: Stated = order if listed is None else listed
        if isinstance(listed, list) and isinstance(order, str) and order != "none":
            self.order = {order: listed}
        self.white = white
        self.background = background
        self.filter = filter
        self.decode = decode

    def specification(self) -> Specification:
        """Return `image` and the classes. Lists the folders. Raises UserError if none of them holds an image."""
        return {"image": ImageField(self.channels, self.size, self.size), self.label: self._classes()}

    def _classes(self) -> Field:
        self.locate()
        folders = [(part, name) for part in self._parts() for name in folders_in(self.folder / part)]
        holding = [name for part, name in folders if holds_images(self.folder / part / name)]
        if self._is_flat:
            holding = [self.folder.resolve().name]
        if not holding:
            raise self._no_images(sorted({name for _, name in folders}))
        return class_field(self.label, holding, self.order)

    def locate(self) -> None:
        """Find the folders. Raises DataMissing unless there is a folder for at least one class, or images
        without any."""
        if not os.path.isdir(self.folder) or not (
            any(folders_in(self.folder / part) for part in self._parts()) or self._is_flat
        ):
            looked_for = [f"{self.path}/CLASS/IMAGE", f"{self.path}/train/CLASS/IMAGE"]
            advice = "It takes a folder per class; images without classes go into the folder itself, or a single one."
            raise missing(f"The image folder '{self.path}'", self.root, looked_for, advice)

    def source(self) -> Source:
        """List the images. Raises UserError if there are none."""
        names = self._classes().references()["names"]
        parts = self._parts()
        depth = 1 if any(parts) else 0
        found, others = self._listing(parts)
        listing = {name: value for name, value in found.items() if self._is_flat or name.count("/") > depth}
        position = {name: index for index, name in enumerate(names)}
        of = [names[0] if self._is_flat else name.split("/")[depth] for name in listing]
        labels = np.array([position[name] for name in of], dtype=np.int64)
        if depth:
            split = np.array([SPLIT_NAMES[name.split("/")[0].lower()] for name in listing], dtype=np.uint8)
            origin = f"the folders {', '.join(parts)}"
        else:
            split, origin = drawn_split(len(listing), classes=labels), drawn_in_words(len(labels), classes=labels)
        identity = {"size": self.size, "channels": self.channels, "images": listing_digest(listing.items())}
        how = said(self, white=None, background=None, filter="bilinear", decode="once")
        return Source(
            labels={self.label: labels},
            split=split,
            images=ImageFiles(
                str(self.folder), np.array(list(listing), dtype=np.str_), self.size, self.channels, **how
            ),
            identity=identity | how,
            remarks=(*self._unused(len(found) - len(listing), listing, depth, names), *unread(others)),
            told={"split": origin, "others": others},
        )

    survey = source

    def _listing(self, parts: list[str]) -> Listing:
        """Return the images of all parts, one part after the other, and counts of the other files."""
        images: dict[str, Stamp] = {}
        others = Counter[str]()
        if any(parts):
            others.update(list_folder(self.folder, deep=False).others)
        for part in parts:
            found = list_folder(self.folder / part)
            images |= {f"{part}/{name}" if part else name: value for name, value in found.images.items()}
            others.update(found.others)
        return Listing(images, dict(others))

    def _no_images(self, folders: list[str]) -> UserError:
        shown, known = ", ".join(map(quoted, folders[:5])), ", ".join(endings())
        message = f"no images are in the folders of the classes ({shown}); files that end in {known} are images"
        return UserError(shortened(self.folder), "; ".join([message, *unread(self._listing(self._parts()).others)]))

    def _unused(self, strays: int, listing: Mapping[str, object], depth: int, names: list[str]) -> tuple[str, ...]:
        """Warn about images outside of the classes' folders, folders without images, and folders inside of classes'
        folders."""
        where, parts = shortened(self.folder), self._parts()
        remarks = []
        beside = sorted(set(folders_in(self.folder)) - {*parts}) if any(parts) else []
        if beside:
            remarks.append(
                f"beside the folder train in {where}, validation and test are used, and not "
                f"{', '.join(map(quoted, beside[:5]))}"
            )
        if strays:
            remarks.append(f"{strays:,} image{'s' * (strays > 1)} in {where} in no class's folder, and not used")
        empty = sorted({name for part in parts for name in folders_in(self.folder / part)} - {*names})
        if empty:
            shown = ", ".join(map(quoted, empty[:5])) + (f", … ({len(empty):,} in all)" if len(empty) > 5 else "")
            remarks.append(f"no images are in {where} of {self.label} {shown}, so it is not a class")
        inner = sorted({name.split("/")[depth + 1] for name in listing if name.count("/") > depth + 1})
        if len(names) == 1 and len(inner) > 1 and all(name.count("/") > depth + 1 for name in listing):
            shown = ", ".join(map(quoted, inner[:5]))
            remarks.append(
                f"{quoted(names[0])} is the only class; if the folders in it ({shown}) are the classes, write "
                f'`path = "{self.path}/{names[0]}"`'
            )
        return tuple(remarks)

    @cached_property
    def _is_flat(self) -> bool:
        """Whether there is no folder of a class with images, so that images belong to a single class."""
        if not os.path.isdir(self.folder):
            return False
        parts = [self.folder / part for part in self._parts()]
        below = any(holds_images(part / name) for part in parts for name in folders_in(part))
        return not below and any(list_folder(part, deep=False).images for part in parts)

    def _parts(self) -> list[str]:
        """Return the folders of splits; [""] if there are none and the classes' folders are at the top."""
        there = sorted(folders_in(self.folder))
        found = []
        for spellings in FOLDERS_OF_SPLITS:
            named = [name for name in there if name.lower() in spellings]
            usual = [name for name in named if name.lower() in USUAL]
            found += sorted(usual or named, key=lambda name: spellings.index(name.lower()))
        return found if found and SPLIT_NAMES[found[0].lower()] == 0 else [""]
