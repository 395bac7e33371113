"""Images of a cache that are no tensor: shards on the disk, and those that are decoded when they are read."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from semreg.core import ImageReader
from semreg.data.decoding import Decoder, Pixels
from semreg.data.shards import shard_rows

SHARDS_AHEAD = 8
"""So many are fetched from the disk before their turn: the next window of them while one is used up."""


class StoredImages:
    """Images of `shape` `(count, channels, height, width)`, uint8, on the CPU, of which rows are read as of a tensor.

    `shards` are memory maps of the first of them; the images of the others are decoded by `reader`, in `workers`
    processes.
    """

    dtype, itemsize, device = torch.uint8, 1, torch.device("cpu")

    def __init__(
        self, shape: Sequence[int], shards: Sequence[Pixels], reader: ImageReader | None, workers: int | None = None
    ) -> None:
        self.shape = torch.Size(shape)
        self._files, self.shard_rows = [getattr(shard, "filename", None) for shard in shards], shard_rows(shape)
        self._arrays = [np.asarray(shard) for shard in shards]
        self._shards = [torch.from_numpy(shard) for shard in self._arrays]
        self._decoder = Decoder(reader, tuple(self.shape[1:]), workers) if reader is not None else None

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def kept(self) -> int:
        """How many shards lie on the disk."""
        return len(self._shards)

    @property
    def decodes(self) -> bool:
        """Whether some are decoded when they are read, which takes time that a thread can take."""
        return self._decoder is not None

    @property
    def nbytes(self) -> int:
        """What all of them take decoded."""
        return self.shape.numel()

    def index_select(self, dimension: int, rows: Tensor, *, out: Tensor | None = None) -> Tensor:
        """The images in these rows, int64 `(n,)`, as of a tensor; `dimension` is 0, `out` contiguous memory for them.

        Raises UserError for an image that can't be read any more.
        """
        if dimension != 0:
            raise ValueError(f"rows are read, dimension 0; not {dimension}")
        found = torch.empty((len(rows), *self.shape[1:]), dtype=torch.uint8) if out is None else out
        shards = np.minimum(rows.numpy() // self.shard_rows, len(self._shards))  # all that are not kept are one
        present = np.unique(shards).tolist()
        if len(present) == 1 and present[0] < len(self._shards):
            return torch.index_select(self._shards[present[0]], 0, rows - present[0] * self.shard_rows, out=found)
        # NumPy puts rows in their places in half of PyTorch's time.
        into = found.numpy()
        for shard in present:
            places = np.flatnonzero(shards == shard)
            into[places] = self._read(shard, rows.numpy()[places])
        return found

    def _read(self, shard: int, rows: npt.NDArray[np.int64]) -> Pixels:
        if shard < len(self._shards):
            return self._arrays[shard][rows - shard * self.shard_rows]
        if self._decoder is None:
            raise IndexError(f"row {rows.max()} of {len(self)}")
        return self._decoder(rows)

    def fetch(self, shard: int) -> None:
        """Have the disk read a shard that is kept, meanwhile."""
        file = self._files[shard] if shard < len(self._files) else None
        if file is not None and hasattr(os, "posix_fadvise"):
            threading.Thread(target=_fetch, args=(file,), daemon=True).start()


def _fetch(file: str | os.PathLike[str]) -> None:
    with open(file, "rb") as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


class Fetching:
    """Fetches shards from the disk before their turn in an epoch, whose batches read `rows` int64 `(batches, size)`."""

    def __init__(self, images: StoredImages, rows: Tensor) -> None:
        self._images = images
        found, first = np.unique(rows.flatten().numpy() // images.shard_rows, return_index=True)
        self._left = deque(found[np.argsort(first)].tolist())
        self._fetched = 0
        self._batches_each = rows.shape[0] / len(found)

    def __call__(self, index: int) -> None:
        """Fetch what is due at a batch: a further shard whenever one's share of the batches is used up."""
        due = SHARDS_AHEAD + index // self._batches_each
        while self._left and self._fetched < due:
            self._images.fetch(self._left.popleft())
            self._fetched += 1
