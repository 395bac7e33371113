"""Batches as pure functions of (seed, phase, step, count), sliced from a cache without per-sample Python."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from semreg.core import AttributesField, ClassField, Problem, UserError, closest, seed_of
from semreg.core.errors import cause_of
from semreg.data.dataset import Cached
from semreg.data.samplers import shuffled

Batch = dict[str, Tensor]


class _Buffers:
    """Memory for the images of one batch, kept from one to the next."""

    def __init__(self, shape: tuple[int, ...], device: torch.device) -> None:
        on_gpu = device.type == "cuda"
        self.pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=on_gpu)
        self.moved = torch.empty(shape, dtype=torch.uint8, device=device) if on_gpu else self.pixels
        self.images = torch.empty(shape, dtype=torch.float32, device=device)
        self.was_moved = torch.cuda.Event() if on_gpu else None  # type: ignore[no-untyped-call]


class Gather:
    """Makes batches of given rows of a data set: float32 images in `value_range`, int64 classes, float32 attributes.

    `rows` int64 are the rows of `cached` to slice from; all positions are indices into them. Only `fields` are gathered
    (default: all). `extra` adds tensors in memory, `(len(rows), ...)`, one row for each of `rows`, such as precomputed
    codes; they come as they are. Everything is put on `device`.
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
    ) -> None:
        self.rows = rows
        self.device = torch.device(device)
        self.extra = dict(extra or {})
        self._cached = cached
        self._fields = [name for name in cached.fields if fields is None or name in fields]
        self._low = float(value_range[0])
        self._scale = (float(value_range[1]) - self._low) / 255
        self._buffers: _Buffers | None = None
        known = [*cached.fields, *self.extra]
        for name in fields or ():
            if name not in known:
                raise ValueError(f"the data have no field {name!r}{closest(name, known)}")
        for name, tensor in self.extra.items():
            if len(tensor) != len(rows):
                raise ValueError(f"{name!r} has {len(tensor)} rows, and {len(rows)} rows of data are used")
        if self._scale <= 0:
            raise ValueError(f"the range {value_range} is empty; its first value must be the smaller one")

    def label(self, name: str, positions: Tensor | None = None) -> Tensor:
        """The labels of a field at the positions (default: all), as they are in a batch, on the CPU."""
        rows = self.rows if positions is None else self.rows.index_select(0, positions)
        field, values = self._cached.fields[name], self._cached.arrays[name].index_select(0, rows)
        if isinstance(field, ClassField):
            return values.long()
        return values.float() if isinstance(field, AttributesField) else values

    def __call__(self, positions: Tensor, *, keep: bool = False) -> Batch:
        """The batch at `positions` int64 `(batch,)`, a tensor for each field and extra.

        With `keep` the images lie in memory that the next call with `keep` overwrites; without, in their own.
        """
        batch: Batch = {}
        for name in self._fields:
            if name == "image":
                batch[name] = self._images(self.rows.index_select(0, positions), keep=keep)
            else:
                batch[name] = self.label(name, positions).to(self.device)
        for name, tensor in self.extra.items():
            batch[name] = tensor.index_select(0, positions.to(tensor.device)).to(self.device)
        return batch

    def _images(self, rows: Tensor, *, keep: bool) -> Tensor:
        source = self._cached.arrays["image"]
        shape = (len(rows), *source.shape[1:])
        buffers = self._buffers if keep else None
        if buffers is None or buffers.pixels.shape != shape:
            buffers = _Buffers(shape, self.device)
            self._buffers = buffers if keep else self._buffers
        if buffers.was_moved is not None:
            buffers.was_moved.synchronize()  # the copy of the batch before may still be reading the pixels
        torch.index_select(source, 0, rows, out=buffers.pixels)
        if buffers.was_moved is not None:
            buffers.moved.copy_(buffers.pixels, non_blocking=True)
            buffers.was_moved.record()
        # A copy into kept floats, scaled in place, is several times faster than .float().div_(255).
        images = buffers.images.copy_(buffers.moved).mul_(self._scale)
        return images.add_(self._low) if self._low else images


class Batches:
    """The batches of one step of one phase, each a pure function of (seed, key, count), whatever was asked for before.

    An epoch is `per_epoch` times `accumulate` batches, the first of those which `sampler` makes of the rows with a
    generator seeded by (seed, key, epoch), and of the labels named in `sampler_labels`, by position. Of each batch,
    part `part[0]` of `part[1]` equal ones is given: what one of several processes takes. `source`, `sampler_key` and
    `accumulate_key` are the recipe's file and keys in it, for messages. The other arguments are those of `Gather`.

    Raises UserError if so many batches are larger than the rows, or a batch can't be cut into the parts, and later if
    the sampler fails.
    """

    def __init__(
        self,
        cached: Cached,
        rows: Tensor,
        batch_size: int,
        *,
        seed: int,
        key: tuple[str, ...],
        accumulate: int = 1,
        accumulate_key: str = "",
        sampler: Callable[..., Tensor] = shuffled,
        sampler_labels: Sequence[str] = (),
        part: tuple[int, int] = (0, 1),
        source: str = "",
        sampler_key: str = "data.sampler",
        fields: Collection[str] | None = None,
        extra: Mapping[str, Tensor] | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        device: torch.device | str = "cpu",
    ) -> None:
        number, parts = part
        if batch_size % parts:
            message = f"a batch of {batch_size} can't be shared by {parts} processes; a multiple of {parts} can"
            raise UserError(source, [Problem("data.batch_size", message)])
        self._part = slice(number * batch_size // parts, (number + 1) * batch_size // parts)
        if not 0 < batch_size <= len(rows):
            message = f"a batch of {batch_size} can't be drawn from {len(rows)} images; 1 to {len(rows)} fit"
            raise UserError(source, [Problem("data.batch_size", message)])
        if accumulate * batch_size > len(rows):
            message = f"{accumulate} batches of {batch_size} can't be drawn from {len(rows)} images"
            fits = f"{len(rows) // batch_size} or smaller batches fit"
            raise UserError(source, [Problem(accumulate_key, f"{message}; {fits}")])
        self.gather = Gather(cached, rows, fields=fields, extra=extra, value_range=value_range, device=device)
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.per_epoch = len(rows) // (batch_size * accumulate)
        self._seed, self._key = seed, key
        self._sampler, self._sampler_key, self._source = sampler, sampler_key, source
        self._labels = [self.gather.label(name) for name in sampler_labels]
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))

    def positions(self, count: int) -> Tensor:
        """The indices into the rows, int64 `(batch_size,)`, of the `count`-th batch ever (from 0)."""
        epoch, index = divmod(count, self.per_epoch * self.accumulate)
        if self._order[0] != epoch:
            self._order = (epoch, self._sampled(epoch))
        return self._order[1][index]

    def batch(self, count: int) -> Batch:
        """The `count`-th batch ever (from 0). Its images are overwritten by the next call: use a batch up before it."""
        return self.gather(self.positions(count)[self._part], keep=True)

    def _sampled(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed_of(self._seed, *self._key, epoch))
        rows = len(self.gather.rows)
        shape = (rows // self.batch_size, self.batch_size)
        try:
            order = self._sampler(*self._labels, count=rows, batch_size=self.batch_size, generator=generator)
        except (UserError, ValueError) as error:
            told = isinstance(error, UserError) and error.source == self._source
            said = error.problems[0].message if isinstance(error, UserError) else cause_of(error)
            if self.accumulate > 1:
                said += f"; each of the {self.accumulate} batches that `accumulate` averages is sampled by itself"
            elif told:
                raise
            kind = type(error) if isinstance(error, UserError) and told else UserError
            raise kind(self._source, [Problem(self._sampler_key, said)]) from error
        if not _are_indices(order, rows, shape):
            found = f"{order.dtype} {tuple(order.shape)}" if isinstance(order, Tensor) else type(order).__name__
            message = f"the sampler gave {found}; torch.int64 {shape} of indices below {rows} fits"
            raise UserError(self._source, [Problem(self._sampler_key, message)])
        return order


def _are_indices(order: object, rows: int, shape: tuple[int, int]) -> bool:
    """Whether these are indices below `rows` of that shape, in memory."""
    if not isinstance(order, Tensor) or order.dtype != torch.int64 or order.shape != shape:
        return False
    plain = order.layout == torch.strided and order.device.type == "cpu"
    return plain and bool(order.min() >= 0) and bool(order.max() < rows)


def sequential(
    cached: Cached,
    rows: Tensor,
    batch_size: int,
    *,
    fields: Collection[str] | None = None,
    extra: Mapping[str, Tensor] | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """The rows in order, in batches of `batch_size` and a last one of what is left; each lies in memory of its own.

    The arguments are those of `Gather`.
    """
    gather = Gather(cached, rows, fields=fields, extra=extra, value_range=value_range, device=device)
    for start in range(0, len(rows), batch_size):
        yield gather(torch.arange(start, min(start + batch_size, len(rows))))
