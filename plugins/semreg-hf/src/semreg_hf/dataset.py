"""Data sets of the library `datasets` (Lhoest et al. 2021, EMNLP)."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Interval

from semreg.core import SPLITS, ClassField, ImageField, Order, Problem, Source, Specification, UserError, closest
from semreg.data.files import missing, quoted, stamp, under
from semreg.data.images import as_pixels
from semreg.data.splits import drawn_in_words, drawn_split

NAMES = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
"""Common names of splits."""


class HFDataset:
    """A data set of the `datasets` library: a name on the Hub, or a folder.

    `path` is a folder under the data root, written by `save_to_disk` or with files that `load_dataset` reads. Otherwise
    it is a name on the Hub, with `name` as the configuration and `revision` as the version; it is only fetched with
    `download`, and else read from the library's cache. `image` names the column of images; the default is the only one.
    Fields: `image` `(channels, size, size)`, cropped to the central square and resized by the `filter`, RGB or (`grey`)
    grey; each column of class labels; each column of whole numbers or text in `classes`, whose values are sorted.
    `orders` states which of them are a "ring" or a "line".

    The splits train, validation (or valid, val) and test are used; `splits = { test = "test_easy" }` names others.
    Without one for testing a fifth of the images is the test split, drawn at random, the same in every run.
    """

    def __init__(
        self,
        *,
        path: str,
        root: Path = Path("data"),
        name: str | None = None,
        revision: str | None = None,
        image: str | None = None,
        size: Annotated[int, Interval(ge=1, le=4096)] = 64,
        grey: bool = False,
        classes: list[str] | None = None,
        orders: dict[str, Order] | None = None,
        splits: dict[Literal["train", "validation", "test"], str] | None = None,
        download: bool = False,
        filter: Literal["bilinear", "box", "lanczos"] = "bilinear",
    ) -> None:
        self.path, self.root, self.name, self.revision = path, root, name, revision
        self.image, self.size, self.channels = image, size, 1 if grey else 3
        self.classes, self.orders, self.splits = classes or [], orders or {}, splits or {}
        self.download, self.filter = download, filter

    def specification(self) -> Specification:
        """Return `image` and the classes. Opens the set, and decodes nothing."""
        fields: Specification = {"image": ImageField(self.channels, self.size, self.size)}
        _ = self._image
        fields |= {name: ClassField(tuple(names), self.orders.get(name, "none")) for name, names in self._names.items()}
        if unknown := self.orders.keys() - fields.keys():
            name = min(unknown)
            raise UserError(
                "", [Problem("data.orders", f"no field of classes is called {name!r}{closest(name, fields)}")]
            )
        return fields

    def locate(self) -> None:
        """Find the set, after fetching it with `download`. Raises DataMissing if it is missing."""
        _ = self._parts

    def source(self) -> Source:
        """Read the labels."""
        from datasets import Image

        parts = list(self._parts.items())
        counts = [len(part) for _, part in parts]
        labels = {}
        for name, names in self._names.items():
            values = np.concatenate([np.asarray(part[name]) for _, part in parts])
            if not self._says_names(name):
                position = {value: index for index, value in enumerate(names)}
                values = np.array([position[str(value)] for value in values])
            labels[name] = values.astype(np.int64)
        split = np.repeat(np.array([SPLITS[name] for name, _ in parts], dtype=np.uint8), counts)
        origin = f"the splits {', '.join(self._parts)}"
        if "test" not in self._parts:
            drawn = drawn_split(int(split.size))
            split, origin = np.where(split == SPLITS["train"], drawn, split), drawn_in_words(len(split))
        encoded = [part.select_columns(self._image).cast_column(self._image, Image(decode=False)) for _, part in parts]
        # Files of different splits may have the same name.
        files = [(name, Path(file["filename"])) for name, part in parts for file in part.cache_files]
        return Source(
            labels=labels,
            split=split,
            images=Encoded(tuple(encoded), self._image, self.size, self.channels, self.filter),
            identity={
                "set": [self.path, self.name, self.revision, self._image, self.classes, self.splits],
                "size": [self.size, self.channels, self.filter],
                "files": {f"{name}/{file.name}": stamp(file) for name, file in files},
            },
            told={"split": origin},
        )

    @cached_property
    def _parts(self) -> dict[str, Any]:
        """A part of the set for each split."""
        found = self._load()
        known = {ours: theirs for theirs in found if (ours := NAMES.get(theirs.lower()))} | self.splits
        for ours, theirs in self.splits.items():
            if theirs not in found:
                said = f"there is no split {theirs!r}{closest(theirs, found)}"
                raise UserError("", [Problem(f"data.splits.{ours}", said)])
        if "train" not in known:
            said = (
                f'of the splits {", ".join(map(quoted, found))} none is train; `splits = {{ train = "…" }}` names one'
            )
            raise UserError(self.path, said)
        return {ours: found[known[ours]] for ours in SPLITS if ours in known}

    def _load(self) -> Any:
        from datasets import Dataset, config, load_dataset, load_from_disk

        if not self.path:
            raise UserError("", [Problem("data.path", "it is empty; expected a folder, or a name on the Hub")])
        folder = under(self.root, self.path)
        try:
            if any(
                (folder / name).is_file() for name in (config.DATASETDICT_JSON_FILENAME, config.DATASET_INFO_FILENAME)
            ):
                found = load_from_disk(str(folder))
            else:
                place = str(folder) if os.path.isdir(folder) else self.path
                with _hub(asked=self.download):
                    found = load_dataset(place, self.name, revision=self.revision)
        except (OSError, ValueError, RuntimeError) as error:
            advice = f"The library says: {' '.join(str(error).split())[:300].rstrip('.')}."
            if not self.download:
                advice += " Set download = true under [data] to fetch it from the Hub."
            raise missing(f"The data set '{self.path}'", self.root, [self.path], advice) from error
        return {"train": found} if isinstance(found, Dataset) else dict(found)

    @property
    def _features(self) -> Any:
        return self._parts["train"].features

    @cached_property
    def _image(self) -> str:
        """The column of images."""
        from datasets import Image

        columns = [name for name, feature in self._features.items() if isinstance(feature, Image)]
        if self.image is None and len(columns) != 1:
            said = f"columns of images are {', '.join(map(quoted, columns)) or 'none'}; `image` names one"
            raise UserError(self.path, [Problem("data.image", said)])
        if self.image is not None and self.image not in columns:
            said = f"no column of images is called {self.image!r}{closest(self.image, columns)}"
            raise UserError(self.path, [Problem("data.image", said)])
        return self.image or columns[0]

    def _says_names(self, column: str) -> bool:
        from datasets import ClassLabel

        return isinstance(self._features[column], ClassLabel)

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        """The names of the classes in each column that is a field."""
        found = {column: list(self._features[column].names) for column in self._features if self._says_names(column)}
        for column in self.classes:
            if column not in self._features:
                said = f"there is no column {column!r}{closest(column, self._features)}"
                raise UserError(self.path, [Problem("data.classes", said)])
            if column not in found:
                values = {value for part in self._parts.values() for value in part.unique(column)}
                if None in values:
                    said = f"column {quoted(column)} has no value in some rows; a class needs one in each"
                    raise UserError(self.path, [Problem("data.classes", said)])
                found[column] = [str(value) for value in sorted(values)]
        return found


@contextlib.contextmanager
def _hub(*, asked: bool) -> Iterator[None]:
    """Allow requests to the Hub only if `asked`, and silence the library except its errors."""
    from datasets import config
    from huggingface_hub import constants

    said = [logging.getLogger(name) for name in ("datasets", "huggingface_hub")]
    before = [logger.level for logger in said]
    offline = [one.HF_HUB_OFFLINE for one in (config, constants)]
    for logger in said:
        logger.setLevel(logging.ERROR)
    try:
        if not asked:
            config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
        yield
    finally:
        config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = offline
        for logger, level in zip(said, before, strict=True):
            logger.setLevel(level)


@dataclass
class Encoded:
    """An ImageReader of the column `column` of `parts`, one after the other, which has the bytes of images."""

    parts: tuple[Any, ...]
    column: str
    size: int
    channels: int
    filter: Literal["bilinear", "box", "lanczos"] = "bilinear"

    def __call__(self, indices: Sequence[int]) -> npt.NDArray[np.uint8]:
        """Return images `(len(indices), channels, size, size)`. Raises UserError for one that can't be read."""
        return np.stack([self._pixels(int(index)) for index in indices])

    def _pixels(self, index: int) -> npt.NDArray[np.uint8]:
        from PIL import Image

        row = index
        for part in self.parts:
            if row < len(part):
                break
            row -= len(part)
        stored = part[row][self.column]
        try:
            with Image.open(stored["path"] if stored["bytes"] is None else io.BytesIO(stored["bytes"])) as image:
                return as_pixels(image, size=self.size, channels=self.channels, filter=self.filter)
        except UserError as error:
            raise UserError(f"image {index}", error.problems) from None
        except Exception as error:  # damage makes PIL's decoders raise any exception
            raise UserError(f"image {index}", f"not a readable image: {error or type(error).__name__}") from None
