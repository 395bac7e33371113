"""A data set ready for slicing: its fields, an array for each, and the split of its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from semreg.core import KNOWN, SPLITS, AttributesField, ClassField, ImageField, Specification
from semreg.core.source import UNLABELLED
from semreg.data.shards import shard_rows
from semreg.data.stored_images import StoredImages

_SPLITS = {**SPLITS, "unlabelled": UNLABELLED}


@dataclass(frozen=True)
class Cached:
    """A data set ready for slicing.

    Don't write into the tensors: the disk would not change, and a map larger than the memory is read-only.
    """

    fields: Specification
    arrays: dict[str, Tensor]
    """A tensor for each field, row for row: `image` uint8 `(count, channels, height, width)` over the memory map,
    unless `images` holds them; classes int64 `(count,)`, attributes uint8 `(count, attributes)`, vectors float32
    `(count, size)`."""
    split: Tensor
    """The split of each row, uint8 `(count,)`."""
    content: str
    skipped: tuple[str, ...] = ()
    """A message for each unreadable image that was left out."""
    remarks: tuple[str, ...] = ()
    """Warnings for a run."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Facts about the origin of the data and the pixels (see `semreg.data.summary`)."""
    cache: str = ""
    """The name of the cache that holds the data."""
    judge_on_validation: bool = False
    """Whether the split "test" has the validation images, which no other name then gives (see
    `semreg.data.splitting.judging_on_validation`)."""
    images: StoredImages | None = None
    """Images in shards, or decoded on reading."""

    def column(self, name: str) -> Tensor | StoredImages:
        """Return the values of a field, row for row."""
        return self.images if name == "image" and self.images is not None else self.arrays[name]

    def rows(self, split: str) -> Tensor:
        """Return the rows of "train", "validation", "test" or "unlabelled", int64, ascending."""
        if split == "validation" and self.judge_on_validation:
            split = "test"
        return torch.nonzero(self.split == _SPLITS[split]).squeeze(1)

    def shards(self, rows: Tensor) -> Tensor:
        """Return the shard of each of these rows, int64; data without images are one shard."""
        image = self.fields.get("image")
        if not isinstance(image, ImageField):
            return torch.zeros_like(rows)
        return rows // shard_rows((len(self.split), image.channels, image.height, image.width))

    @property
    def counts(self) -> dict[str, int]:
        """The number of images in each split; "unlabelled" is present only if it has images."""
        counts = {name: int((self.split == value).sum()) for name, value in _SPLITS.items()}
        return {name: count for name, count in counts.items() if count or name in SPLITS}

    @property
    def fingerprint(self) -> str:
        """A SHA-256 over fields, labels, pixels and split: equal for equal data, wherever and whenever they
        were read."""
        return hashlib.sha256(self.content.encode() + self.split.numpy().tobytes()).hexdigest()

    def constant_attributes(self) -> dict[str, list[str]]:
        """For each field of attributes, the names of those with the same value in all training images, if any.

        A field of classes names itself if all training images are of one class.
        """
        train = self.rows("train")
        constant = {}
        for name, kind in self.fields.items():
            if isinstance(kind, ClassField):
                classes = self.arrays[name].index_select(0, train)
                constant[name] = [name] if len(train) and bool((classes == classes[0]).all()) else []
            if isinstance(kind, AttributesField) and not (name.endswith(KNOWN) and name[: -len(KNOWN)] in self.fields):
                present = self.arrays[name].index_select(0, train).sum(dim=0).tolist()
                known = self._known(name, train)
                constant[name] = [
                    label for label, ones, of in zip(kind.names, present, known, strict=True) if ones in (0, of)
                ]
        return {name: labels for name, labels in constant.items() if labels}

    def _known(self, name: str, rows: Tensor) -> list[int]:
        """Return how many of the rows have a known value, for each of a field's attributes."""
        if name + KNOWN not in self.fields:
            return [len(rows)] * self.arrays[name].shape[1]
        return self.arrays[name + KNOWN].index_select(0, rows).sum(dim=0).tolist()
