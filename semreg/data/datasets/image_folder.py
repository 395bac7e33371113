"""A folder of images with a folder per class."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from semreg.core import ClassField, ImageField, Order, Source, Specification, UserError
from semreg.data.datasets.conventions import SPLIT_NAMES, Size, sorted_classes
from semreg.data.files import IMAGE_ENDINGS, list_images, listing_digest, missing, printable, quoted, under
from semreg.data.images import ImageFiles
from semreg.data.splits import drawn_split

FOLDERS_OF_SPLITS = ("train", "validation", "valid", "val", "test")


class ImageFolder:
    """A folder of images with a folder per class.

    The layout, with `path = "animals"` under the data root, is one of::

        animals/cat/001.jpg         animals/train/cat/001.jpg
        animals/dog/tom.png         animals/test/dog/tom.png

    with `validation` (or `val`) beside `train` and `test` if wanted, in capitals or not. Without these folders a fifth
    of each class, drawn once and for all, is the test split. Fields: `image` `(channels, size, size)`, cropped to the
    central square and resized, RGB or (`grey`) grey; the classes under the name `label`, sorted (as numbers if all
    are), in the given `order`.
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
        if label == "image":
            raise UserError("", "label = 'image': the images have that name; choose another")
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
        if not os.path.isdir(self.folder) or not any(_folders(self.folder / part) for part in self._parts()):
            looked_for = [f"{self.path}/CLASS/IMAGE", f"{self.path}/train/CLASS/IMAGE"]
            advice = "It takes a folder per class; images without classes go into a single one, whatever its name."
            raise missing(f"The image folder '{self.path}'", self.root, looked_for, advice)

    def source(self) -> Source:
        """Lists the images. Raises UserError if there are none."""
        parts = self._parts()
        depth = 1 if any(parts) else 0
        found = {
            f"{part}/{name}" if part else name: value
            for part in parts
            for name, value in list_images(self.folder / part).items()
        }
        listing = {name: value for name, value in found.items() if name.count("/") > depth}
        names = self.specification()[self.label].references()["names"]
        if not listing:
            folders, endings = ", ".join(map(quoted, names[:5])), ", ".join(IMAGE_ENDINGS)
            message = f"no images are in the folders of the classes ({folders}); files that end in {endings} are images"
            raise UserError(printable(self.folder), message)
        position = {name: index for index, name in enumerate(names)}
        labels = np.array([position[name.split("/")[depth]] for name in listing], dtype=np.int64)
        empty = sorted({*position.values()} - {*labels.tolist()})
        split = (
            np.array([SPLIT_NAMES[name.split("/")[0].lower()] for name in listing], dtype=np.uint8)
            if depth
            else drawn_split(len(listing), classes=labels)
        )
        return Source(
            labels={self.label: labels},
            split=split,
            images=ImageFiles(str(self.folder), np.array(list(listing), dtype=np.str_), self.size, self.channels),
            identity={"size": self.size, "channels": self.channels, "images": listing_digest(listing.items())},
            remarks=self._unused(len(found) - len(listing), [names[index] for index in empty]),
        )

    def _unused(self, strays: int, empty: list[str]) -> tuple[str, ...]:
        """What to say of images outside of the classes' folders, and of classes without images."""
        where = printable(self.folder)
        remarks = []
        others = sorted(set(_folders(self.folder)) - {*self._parts()}) if any(self._parts()) else []
        if others:
            names = ", ".join(map(quoted, others[:5]))
            remarks.append(f"beside the folder train in {where}, validation and test are used, and not {names}")
        if strays:
            remarks.append(f"{strays:,} image{'s' * (strays > 1)} in {where} in no class's folder, and not used")
        if empty:
            remarks.append(f"no images are in {where} of {self.label} {', '.join(map(quoted, empty[:5]))}")
        return tuple(remarks)

    def _parts(self) -> list[str]:
        """The folders of splits; [""] if there are none and classes lie at the top."""
        found = [name for name in sorted(_folders(self.folder)) if name.lower() in FOLDERS_OF_SPLITS]
        found.sort(key=lambda name: FOLDERS_OF_SPLITS.index(name.lower()))
        return found if found and found[0].lower() == "train" else [""]


def _folders(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError as error:
        raise UserError(printable(folder), f"can't be listed: {error.strerror}") from None
