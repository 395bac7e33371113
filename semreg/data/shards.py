"""Shards: consecutive images, about 256 MB of decoded pixels, that share a file of the cache."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK_BYTES = 4 * 2**20
CHUNK_ROWS = 64
SHARD_BYTES = 2**28
"""Never change it: the order of rows, and so the results of sampling by shards, depend on it."""


def chunk_rows(shape: Sequence[int]) -> int:
    """Return how many rows of images `(count, channels, height, width)` are written and hashed at a time. It depends
    only on the data, since digests must not depend on the machine."""
    return min(max(1, CHUNK_BYTES // math.prod(shape[1:])), CHUNK_ROWS)


def shard_rows(shape: Sequence[int]) -> int:
    """Return the rows of a shard of images `(count, channels, height, width)`: whole chunks."""
    chunk = chunk_rows(shape)
    return chunk * max(1, SHARD_BYTES // (chunk * math.prod(shape[1:])))


@dataclass(frozen=True)
class Layout:
    """The place of the images of a set, `shape` `(count, channels, height, width)`, in the folder of its cache.

    The folder has the first `kept` shards, each in its own file; the other images are decoded on each reading.
    """

    shape: tuple[int, int, int, int]
    kept: int
    rows: int
    """Rows of a shard."""

    @property
    def shards(self) -> int:
        """The number of shards."""
        return -(-self.shape[0] // self.rows)

    @property
    def whole(self) -> bool:
        """Whether all images are in one file."""
        return self.kept == self.shards == 1

    @property
    def kept_rows(self) -> int:
        """The number of rows in the stored shards."""
        return min(self.kept * self.rows, self.shape[0])

    def file(self, folder: Path, shard: int) -> Path:
        """Return the file of a shard."""
        return folder / ("image.npy" if self.whole else f"image-{shard:05d}.npy")

    def shape_of(self, shard: int) -> tuple[int, int, int, int]:
        """Return the shape of a shard."""
        return (min(self.rows, self.shape[0] - shard * self.rows), *self.shape[1:])


def kept_within(limit: int | None, shape: tuple[int, int, int, int]) -> int:
    """Return how many shards of images of a shape fit into so many bytes; None means no limit."""
    rows, size = shard_rows(shape), math.prod(shape[1:])
    return -(-shape[0] // rows) if limit is None or shape[0] * size <= limit else limit // (rows * size)
