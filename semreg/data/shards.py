"""Which images of a set lie together in a file of its cache: consecutive ones, about 256 MB of decoded pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK_BYTES = 4 * 2**20
CHUNK_ROWS = 64
SHARD_BYTES = 2**28
"""Orders of rows depend on it, and so do the bits of whoever samples by shards: it stays what it is."""


def chunk_rows(shape: Sequence[int]) -> int:
    """Rows written and hashed at a time, of images `(count, channels, height, width)`: of the data alone, as the
    digests must not depend on the machine."""
    return min(max(1, CHUNK_BYTES // math.prod(shape[1:])), CHUNK_ROWS)


def shard_rows(shape: Sequence[int]) -> int:
    """Rows of a shard of images `(count, channels, height, width)`: whole chunks."""
    chunk = chunk_rows(shape)
    return chunk * max(1, SHARD_BYTES // (chunk * math.prod(shape[1:])))


@dataclass(frozen=True)
class Layout:
    """Where the images of a set, `shape` `(count, channels, height, width)`, lie in the folder of its cache.

    The first `kept` of its shards lie there, each in a file of its own; the others are decoded whenever they are read.
    """

    shape: tuple[int, int, int, int]
    kept: int
    rows: int
    """Rows of a shard."""

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-self.shape[0] // self.rows)

    @property
    def whole(self) -> bool:
        """Whether all images lie in one file."""
        return self.kept == self.shards == 1

    @property
    def kept_rows(self) -> int:
        """Rows of the shards that are kept."""
        return min(self.kept * self.rows, self.shape[0])

    def file(self, folder: Path, shard: int) -> Path:
        """Where a shard lies."""
        return folder / ("image.npy" if self.whole else f"image-{shard:05d}.npy")

    def shape_of(self, shard: int) -> tuple[int, int, int, int]:
        """The shape of a shard."""
        return (min(self.rows, self.shape[0] - shard * self.rows), *self.shape[1:])


def kept_within(limit: int | None, shape: tuple[int, int, int, int]) -> int:
    """How many shards of images of a shape are kept within so many bytes; None is no limit."""
    rows, size = shard_rows(shape), math.prod(shape[1:])
    return -(-shape[0] // rows) if limit is None or shape[0] * size <= limit else limit // (rows * size)
