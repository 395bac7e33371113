"""Data on the device that trains on them, if they fit into its memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from semreg.core import ImageField
from semreg.data.dataset import Cached
from semreg.data.gathering import as_in_batch

SHARE = 0.4
"""The data take at most this share of the memory that is free before training; computations use the rest."""
BYTES_AT_A_TIME = 2**26


def free_memory(device: torch.device) -> int | None:
    """Return how many bytes of a GPU are free for this process, within its share; None for a device without its own
    memory."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    share_of = getattr(torch.cuda, "get_per_process_memory_fraction", lambda device: 1.0)  # PyTorch 2.4 lacks it
    return min(free, int(share_of(device) * total) - torch.cuda.memory_reserved(device))


class DeviceData:
    """The fields that a run trains on, on its device, if they take at most `SHARE` of the `free` bytes there.

    `fields` names those of each split. A field is copied on first use, once for all users.
    """

    def __init__(
        self, data: Cached, fields: Mapping[str, Collection[str]], device: torch.device | str, free: int
    ) -> None:
        self.device, self._data, self._room = torch.device(device), data, SHARE * free
        self._named = {(split, name) for split, names in fields.items() for name in names}
        self._placed: dict[tuple[str, str], Tensor] = {}
        self._size = sum(self._bytes(split, name) for split, name in self._named)
        self.fit = self._size <= self._room
        if self.fit:
            self.told = f"data on {self.device}: {_text(self._size)} of {_text(free)} free"
        else:
            much = f"{_text(self._size)} are more than {SHARE:.0%} of the {_text(free)} free on {self.device}"
            self.told = f"data stay in memory, and a thread reads ahead: {much}"

    def fields(
        self, split: str, names: Collection[str], beside: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor] | None:
        """Return the fields for all rows of a split, pixels uint8 and all else as in a batch; None unless all fit.

        The tensors `beside` them must also fit, since both are read together.
        """
        elsewhere = any(tensor.device.type != self.device.type for tensor in (beside or {}).values())
        if not self.fit or elsewhere or not {(split, name) for name in names} <= self._named:
            return None
        return {name: self._of(split, name) for name in names}

    def with_them(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tensors, on the device if there is room for them beside the data, else unchanged."""
        size = self._size + sum(tensor.nbytes for tensor in tensors.values())
        if not self.fit or size > self._room:
            return dict(tensors)
        return {name: tensor.to(self.device) for name, tensor in tensors.items()}

    def clear(self) -> None:
        """Free the memory on the device."""
        self._placed.clear()

    def _dtype(self, name: str) -> torch.dtype:
        field, values = self._data.fields[name], self._data.column(name)
        return values.dtype if isinstance(field, ImageField) else as_in_batch(field, values)

    def _bytes(self, split: str, name: str) -> int:
        return len(self._data.rows(split)) * self._data.column(name).shape[1:].numel() * self._dtype(name).itemsize

    def _of(self, split: str, name: str) -> Tensor:
        if (split, name) not in self._placed:
            rows, source = self._data.rows(split), self._data.column(name)
            placed = torch.empty((len(rows), *source.shape[1:]), dtype=self._dtype(name), device=self.device)
            at_a_time = max(1, BYTES_AT_A_TIME // max(1, source.shape[1:].numel() * source.itemsize))
            for part, into in zip(torch.split(rows, at_a_time), torch.split(placed, at_a_time), strict=True):
                into.copy_(source.index_select(0, part))
            self._placed[split, name] = placed
        return self._placed[split, name]


def _text(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
