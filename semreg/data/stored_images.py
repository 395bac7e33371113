"""Images of a cache that are not a tensor: shards on the disk, and images that are decoded on reading."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from semreg.core import ImageReader
from semreg.data.decoding import Decoder, Pixels
from semreg.data.shards import shard_rows

SHARDS_AHEAD = 8
"""How many shards are fetched from the disk in advance: the next window while one is used."""


class StoredImages:
    """Images of `shape` `(count, channels, height, width)`, uint8, on the CPU, whose rows are read as those of a
    tensor.

    `shards` are memory maps of the first images; `reader` decodes the others, in `workers` processes.
    """

    dtype, itemsize, device = torch.uint8, 1, torch.device("cpu")

    def __init__(
        self, shape: Sequence[int], shards: Sequence[Pixels], reader: ImageReader | None, workers: int | None = None
    ) -> None:
        self.shape = torch.Size(shape)
        self._maps, self.shard_rows = list(shards), shard_rows(shape)
        self._shards = [np.asarray(shard).reshape(len(shard), -1) for shard in shards]
        self._decoder = Decoder(reader, tuple(self.shape[1:]), workers) if reader is not None else None

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def kept(self) -> int:
        """The number of shards on the disk."""
        return len(self._shards)

    @property
    def decodes(self) -> bool:
        """Whether some images are decoded on reading; a thread should then read ahead."""
        return self._decoder is not None

    @property
    def nbytes(self) -> int:
        """The size of all images after decoding."""
        return self.shape.numel()

    def index_select(self, dimension: int, rows: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Return the images in these rows, int64 `(n,)`, as a tensor's method; `dimension` is 0, `out` contiguous
        memory for them.

        Raises UserError for an image that can no longer be read.
        """
        if dimension != 0:
            raise ValueError(f"rows are read, dimension 0; not {dimension}")
        found = torch.empty((len(rows), *self.shape[1:]), dtype=torch.uint8) if out is None else out
        into = found.numpy()
        shards, places = np.divmod(rows.numpy(), self.shard_rows)
        kept = shards < len(self._shards)
        if self._decoder is not None and not kept.all():
            if not kept.any():
                self._decoder(rows.numpy(), into)
                return found
            into[~kept] = self._decoder(rows.numpy()[~kept])
            shards, places = shards[kept], places[kept]
        if len(shards):
            # Copy each image once, instead of first by shard and then to its row.
            images = [self._shards[shard][place] for shard, place in zip(shards.tolist(), places.tolist(), strict=True)]
            if len(images) == len(into):
                np.concatenate(images, out=into.reshape(-1))
            else:
                into[kept] = np.stack(images).reshape(-1, *self.shape[1:])
        return found

    def fetch(self, shard: int) -> None:
        """Make the disk read a stored shard in the background."""
        file = getattr(self._maps[shard], "filename", None) if shard < self.kept else None
        if file is not None and hasattr(os, "posix_fadvise"):
            threading.Thread(target=_fetch, args=(file,), daemon=True).start()


def _fetch(file: str | os.PathLike[str]) -> None:
    with contextlib.suppress(OSError), open(file, "rb") as opened:  # the reader reports the error
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


class Fetching:
    """Fetches shards from the disk before their turn in an epoch, whose batches read `rows` int64 `(batches, size)`."""

    def __init__(self, images: StoredImages, rows: Tensor) -> None:
        self._images = images
        shards = rows.flatten().numpy() // images.shard_rows
        first = np.full(shards.max() + 1, -1)
        # NumPy keeps the last of several values for one place, here the first row's; sorting all rows is slow.
        first[shards[::-1]] = np.arange(len(shards))[::-1]
        drawn = np.flatnonzero(first >= 0)
        self._left = deque(drawn[np.argsort(first[drawn])].tolist())
        self._fetched = 0
        self._batches_each = rows.shape[0] / len(drawn)

    def __call__(self, index: int) -> None:
        """Fetch the shards that are due at a batch: one more whenever a shard's share of the batches is used."""
        due = SHARDS_AHEAD + index // self._batches_each
        while self._left and self._fetched < due:
            self._images.fetch(self._left.popleft())
            self._fetched += 1
