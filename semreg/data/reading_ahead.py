"""Batches on their way to a device: a thread reads them while the device computes, and a separate stream moves them to
a GPU."""

from __future__ import annotations

from concurrent.futures import Executor, Future, wait
from typing import Any

import torch
from torch import Tensor

from semreg.data.gathering import Batch, Gather


class ReadAhead:
    """Batches of `size` rows that use the same memory on the device each time, of data that are not on it.

    While a batch is used, `reader` reads the next one of the same order, or the next `ahead` ones, into pinned memory
    for a GPU; without `reader` each is read on request. Errors of reading are raised by the call that asks for the
    batch. The reader doesn't call the device: that would break graphs that are captured at the same time.
    """

    def __init__(self, gather: Gather, size: int, reader: Executor | None = None, ahead: int = 1) -> None:
        self._gather, self._reader, self._ahead = gather, reader, ahead
        on_gpu = gather.device.type == "cuda"
        self._device: Any = torch.cuda if on_gpu else torch.cpu
        self._copying = self._device.Stream(gather.device) if on_gpu else self._device.Stream()
        self._batch = gather.memory(size)
        self._slots = [_Slot(gather, size, self._device.Event) for _ in range(ahead + 1)]
        for slot in self._slots:  # the device may still use this memory for its previous owner
            slot.used.record(self._current())

    def __call__(self, order: Tensor, index: int) -> Batch:
        """Return batch `index` of an order of positions, int64 `(batches, size)`; the next call overwrites it."""
        slot = self._slot(index)
        if not slot.holds(order, index):
            self._read(slot, order, index)
        slot.wait()
        self._move(slot)
        if self._reader is not None:
            for coming in range(index + 1, min(index + 1 + self._ahead, len(order))):
                if not self._slot(coming).holds(order, coming):
                    self._read(self._slot(coming), order, coming, self._reader)
        return dict(self._batch)

    def _slot(self, index: int) -> _Slot:
        return self._slots[index % len(self._slots)]

    def _read(self, slot: _Slot, order: Tensor, index: int, reader: Executor | None = None) -> None:
        """Read a batch into a slot as soon as neither the reader nor the device uses the slot."""
        slot.clear()
        slot.arrived.synchronize()
        if reader is None:
            self._gather.read(order[index], slot.read)
        else:
            slot.reading = reader.submit(self._gather.read, order[index], slot.read)
        slot.order, slot.index = order, index

    def _move(self, slot: _Slot) -> None:
        """Make the batch from a slot, in the order of the device's current stream.

        Every event is recorded on an explicit stream: the current one may belong to another device.
        """
        current = self._current()
        with self._device.stream(self._copying):
            self._copying.wait_event(slot.used)
            for name, values in slot.read.items():
                if slot.moved[name] is not values:
                    slot.moved[name].copy_(values, non_blocking=True)
            slot.arrived.record(self._copying)
        current.wait_event(slot.arrived)
        self._gather.finish(slot.moved, self._batch)
        slot.used.record(current)

    def _current(self) -> Any:
        return self._device.current_stream(self._gather.device)


class _Slot:
    """A batch as it was read, in memory and on the device.

    The event `arrived` marks the end of the copy between them, `used` the moment when the device has made a batch of
    it.
    """

    def __init__(self, gather: Gather, size: int, event: Any) -> None:
        self.read = gather.unfinished(size)
        self.moved = {
            name: values if values.device == gather.device else torch.empty_like(values, device=gather.device)
            for name, values in self.read.items()
        }
        self.arrived, self.used = event(), event()
        self.reading: Future[None] | None = None
        self.order: Tensor | None = None
        self.index = -1

    def holds(self, order: Tensor, index: int) -> bool:
        """Return whether this batch is in the slot or being read."""
        return self.order is order and self.index == index

    def wait(self) -> None:
        """Wait until the batch is read. Raises the reader's errors."""
        if self.reading is None:
            return
        try:
            self.reading.result()
        except BaseException:
            self.order = None
            raise
        self.reading = None

    def clear(self) -> None:
        """Forget the batch, even if reading it failed."""
        self.order = None
        if self.reading is not None:
            wait([self.reading])
            self.reading = None
