"""Images of a cache that are no tensor: shards on the disk, and those that are decoded when they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from semreg.core import ImageReader
from semreg.data.decoding import Decoder, Pixels
from semreg.data.shards import shard_rows


class StoredImages:
    """Images of `shape` `(count, channels, height, width)`, uint8, on the CPU, of which rows are read as of a tensor.

    `shards` are tensors over the memory maps of the first of them; the images of the others are decoded by `reader`, in
    `workers` processes.
    """

    dtype, itemsize, device = torch.uint8, 1, torch.device("cpu")

    def __init__(
        self, shape: Sequence[int], shards: Sequence[Tensor], reader: ImageReader | None, workers: int | None = None
    ) -> None:
        self.shape = torch.Size(shape)
        self._shards, self._rows = list(shards), shard_rows(shape)
        self._arrays = [shard.numpy() for shard in shards]
        self._decoder = Decoder(reader, tuple(self.shape[1:]), workers) if reader is not None else None

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def kept(self) -> int:
        """How many shards lie on the disk."""
        return len(self._shards)

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
        shards = np.minimum(rows.numpy() // self._rows, len(self._shards))  # all that are not kept are one
        present = np.unique(shards).tolist()
        if len(present) == 1 and present[0] < len(self._shards):
            return torch.index_select(self._shards[present[0]], 0, rows - present[0] * self._rows, out=found)
        # NumPy puts rows in their places in half of PyTorch's time.
        into = found.numpy()
        for shard in present:
            places = np.flatnonzero(shards == shard)
            into[places] = self._read(shard, rows.numpy()[places])
        return found

    def _read(self, shard: int, rows: npt.NDArray[np.int64]) -> Pixels:
        if shard < len(self._shards):
            return self._arrays[shard][rows - shard * self._rows]
        if self._decoder is None:
            raise IndexError(f"row {rows.max()} of {len(self)}")
        return self._decoder(rows)
