"""Makes batches of rows of a data set, and of tensors beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from semreg.core import AttributesField, ClassField, ImageField, closest
from semreg.core.specification import Field
from semreg.data.dataset import Cached
from semreg.data.stored_images import StoredImages

Batch = dict[str, Tensor]


def as_in_batch(field: Field, values: Tensor | StoredImages) -> torch.dtype:
    """Return the dtype of a field's values in a batch; uint8 pixels become floats there."""
    if isinstance(field, ClassField):
        return torch.int64
    return torch.float32 if isinstance(field, AttributesField | ImageField) else values.dtype


class Gather:
    """Makes batches of given rows of a data set: float32 images in `value_range`, int64 classes, float32 attributes.

    `rows` int64 selects rows of `cached`; all positions are indices into `rows`. Only `fields` are gathered (default:
    all). `extra` adds tensors in memory, `(len(rows), ...)`, one row for each of `rows`, such as precomputed codes;
    they are not converted. All tensors of a batch are on `device`. If `placed` has the fields on the device already (a
    row for each of `rows`, pixels as uint8 and all else as in a batch), they are read from there instead of from
    `cached`.
    """

    def __init__(
        self,
        cached: Cached,
        rows: Tensor,
        *,
        fields: Collection[str] | None = None,
        extra: Mapping[str, Tensor] | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        device: torch.device | str = "cpu",
        placed: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.rows = rows
        self.device = torch.device(device)
        self._cached = cached
        self._low = float(value_range[0])
        self._scale = (float(value_range[1]) - self._low) / 255
        extra = dict(extra or {})
        known = [*cached.fields, *extra]
        for name in fields or ():
            if name not in known:
                raise ValueError(f"the data have no field {name!r}{closest(name, known)}")
        names = [name for name in cached.fields if (fields is None or name in fields) and name not in extra]
        self._by_row: dict[str, Tensor | StoredImages] = {}
        if placed is None:
            self._by_row = {name: cached.column(name) for name in names}
        self._by_position = ({} if placed is None else {name: placed[name] for name in names}) | extra
        self._indexed_on = torch.device("cpu") if placed is None else self.device
        self._sources = {**self._by_row, **self._by_position}
        self._dtypes = {name: source.dtype for name, source in self._sources.items()}
        self._dtypes |= {name: as_in_batch(cached.fields[name], self._sources[name]) for name in names}
        self._pixels = [name for name in names if name == "image"]
        for name, tensor in self._by_position.items():
            if len(tensor) != len(rows):
                raise ValueError(f"{name!r} has {len(tensor)} rows, and {len(rows)} rows of data are used")
        if self._scale <= 0:
            raise ValueError(f"the range {value_range} is empty; its first value must be the smaller one")

    def label(self, name: str) -> Tensor:
        """Return the labels of a field in all rows, as in a batch, on the CPU."""
        values = self._cached.arrays[name].index_select(0, self.rows)
        return values.to(as_in_batch(self._cached.fields[name], values))

    def __call__(self, positions: Tensor) -> Batch:
        """Return the batch at `positions` int64 `(batch,)`, a tensor for each field and extra, in its own memory."""
        batch = self.memory(len(positions))
        read = self.unfinished(len(positions), batch)
        self.read(positions, read)
        self.finish(read, batch)
        return batch

    @property
    def stored(self) -> StoredImages | None:
        """The images that are read and are not a tensor, if there are any."""
        return next((source for source in self._by_row.values() if isinstance(source, StoredImages)), None)

    def read_anew(self, positions: Tensor) -> Batch:
        """Read the rows at `positions` into new memory."""
        read = self.unfinished(len(positions))
        self.read(positions, read)
        return read

    def finished(self, read: Mapping[str, Tensor]) -> Batch:
        """Return the batch of rows that were read, in its own memory."""
        batch = self.memory(len(next(iter(read.values()))))
        self.finish(read, batch)
        return batch

    # --- in reused memory ---

    def memory(self, size: int) -> Batch:
        """Return memory on the device for a batch of `size` rows."""
        return {
            name: torch.empty((size, *source.shape[1:]), dtype=self._dtypes[name], device=self.device)
            for name, source in self._sources.items()
        }

    def unfinished(self, size: int, batch: Mapping[str, Tensor] | None = None) -> Batch:
        """Return memory into which `read` reads `size` rows: on the device of the data, pinned if they then move to a
        GPU.

        Fields that need no finishing are read into `batch` itself, if it is given.
        """
        found: Batch = {}
        for name, source in self._sources.items():
            own = None if batch is None else batch[name]
            if own is not None and own.dtype == source.dtype and own.device == source.device:
                found[name] = own
                continue
            pinned = self.device.type == "cuda" and source.device.type == "cpu"
            shape = (size, *source.shape[1:])
            found[name] = torch.empty(shape, dtype=source.dtype, device=source.device, pin_memory=pinned)
        return found

    def indices(self, order: Tensor) -> Tensor:
        """Return an order of positions, int64, on the device that has the data."""
        if self._indexed_on.type == "cuda":
            return order.contiguous().pin_memory().to(self._indexed_on, non_blocking=True)
        return order.to(self._indexed_on)

    def read(self, positions: Tensor, into: Mapping[str, Tensor]) -> None:
        """Read the rows at `positions` int64 `(batch,)` into memory from `unfinished`."""
        if self._by_row:
            rows = self.rows.index_select(0, positions)
            for name, source in self._by_row.items():
                if isinstance(source, StoredImages):
                    source.index_select(0, rows, out=into[name])
                else:
                    torch.index_select(source, 0, rows, out=into[name])
        for name, source in self._by_position.items():
            torch.index_select(source, 0, positions.to(source.device), out=into[name])

    def finish(self, read: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> None:
        """Make a batch of rows that were read, in memory from `memory`."""
        for name, values in read.items():
            if batch[name] is not values:
                batch[name].copy_(values.to(self.device, non_blocking=self.device.type == "cuda"))
        for name in self._pixels:  # a copy into kept floats, scaled in place, is faster than .float().div_(255)
            images = batch[name].mul_(self._scale)
            if self._low:
                images.add_(self._low)


class InPlace:
    """Batches of `size` rows that use the same memory each time."""

    def __init__(self, gather: Gather, size: int) -> None:
        self._gather = gather
        self._batch = gather.memory(size)
        self._read = gather.unfinished(size, self._batch)

    def __call__(self, order: Tensor, index: int) -> Batch:
        """Return batch `index` of an order of positions, int64 `(batches, size)`; the next call overwrites it."""
        self._gather.read(order[index], self._read)
        self._gather.finish(self._read, self._batch)
        return dict(self._batch)
