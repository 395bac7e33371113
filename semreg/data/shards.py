"""Which images of a set lie together in a file of its cache: consecutive ones, about 256 MB of decoded pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
