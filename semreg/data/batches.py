"""Batches as pure functions of (seed, phase, step, count), sliced from a cache without a Python loop over samples."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import torch
from torch import Tensor

from semreg.core import Problem, UserError, seed_of
from semreg.core.errors import cause_of
from semreg.data.dataset import Cached
from semreg.data.gathering import Batch, Gather, InPlace
from semreg.data.reading_ahead import ReadAhead
from semreg.data.samplers import shuffled
from semreg.data.stored_images import Fetching

AHEAD = 3
"""How many batches are decoded ahead, so that no process waits for work."""


class Batches:
    """The batches of one step of one phase. Each depends only on (seed, key, count), not on earlier calls.

    An epoch has `per_epoch` times `accumulate` batches: the first ones in the order that `sampler` returns. The sampler
    receives a generator seeded by (seed, key, epoch) and the labels named in `sampler_labels`, by position; with
    `sampler_shards` it also receives the shard of each row. `part` is (number, count): each batch is cut into `part[1]`
    equal parts, and this process gets part `part[0]`. Error messages use `source`, `sampler_key` and `accumulate_key`:
    the recipe's file and keys in it. `Gather` documents the other arguments.

    Every field has the same address in every batch. A separate stream moves fields to a GPU unless they are `placed`
    there. With `reader`, a thread reads the next batch of the epoch in advance. Shards that the sampler orders are
    fetched from the disk before they are needed.

    Raises UserError if the batches need more rows than exist, if a batch can't be cut into the parts, and later if the
    sampler fails.
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
        sampler_shards: bool = False,
        part: tuple[int, int] = (0, 1),
        source: str = "",
        sampler_key: str = "data.sampler",
        fields: Collection[str] | None = None,
        extra: Mapping[str, Tensor] | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        device: torch.device | str = "cpu",
        placed: Mapping[str, Tensor] | None = None,
        reader: Executor | None = None,
    ) -> None:
        number, parts = part
        if batch_size % parts:
            message = f"a batch of {batch_size} can't be shared by {parts} processes; expected a multiple of {parts}"
            raise UserError(source, [Problem("data.batch_size", message)])
        self._part = slice(number * batch_size // parts, (number + 1) * batch_size // parts)
        if not 0 < batch_size <= len(rows):
            message = f"a batch of {batch_size} can't be drawn from {len(rows)} images; expected 1 to {len(rows)}"
            raise UserError(source, [Problem("data.batch_size", message)])
        if accumulate * batch_size > len(rows):
            message = f"{accumulate} batches of {batch_size} can't be drawn from {len(rows)} images"
            fits = f"{len(rows) // batch_size} at most, or smaller batches, are possible"
            raise UserError(source, [Problem(accumulate_key, f"{message}; {fits}")])
        self._gather = Gather(
            cached, rows, fields=fields, extra=extra, value_range=value_range, device=device, placed=placed
        )
        self._rows = len(rows)
        self._gathered: Callable[[Tensor, int], Batch]
        if reader is not None or (placed is None and self._gather.device.type == "cuda"):
            decodes = self._gather.stored is not None and self._gather.stored.decodes
            self._gathered = ReadAhead(self._gather, batch_size // parts, reader, AHEAD if decodes else 1)
        else:
            self._gathered = InPlace(self._gather, batch_size // parts)
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.per_epoch = len(rows) // (batch_size * accumulate)
        self._seed, self._key = seed, key
        self._sampler, self._sampler_key, self._source = sampler, sampler_key, source
        self._labels = [self._gather.label(name) for name in sampler_labels]
        self._told = {"shards": cached.shards(rows)} if sampler_shards else {}
        self._epoch, self._order = -1, torch.empty(0)
        self._fetching: Fetching | None = None

    def batch(self, count: int) -> Batch:
        """Return batch number `count` of the run (from 0). The next call overwrites it, so use it up first."""
        used = self.per_epoch * self.accumulate
        epoch, index = divmod(count, used)
        if self._epoch != epoch:
            order = self._sampled(epoch)[:used, self._part]
            self._order = self._gather.indices(order)
            self._epoch = epoch
            if self._told and self._gather.stored is not None:
                self._fetching = Fetching(self._gather.stored, self._gather.rows[order])
        if self._fetching is not None:
            self._fetching(index)
        return self._gathered(self._order, index)

    def _sampled(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed_of(self._seed, *self._key, epoch))
        rows = self._rows
        shape = (rows // self.batch_size, self.batch_size)
        try:
            order = self._sampler(
                *self._labels, count=rows, batch_size=self.batch_size, generator=generator, **self._told
            )
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
            message = f"the sampler gave {found}; expected torch.int64 {shape} of indices below {rows}"
            raise UserError(self._source, [Problem(self._sampler_key, message)])
        return order


def _are_indices(order: object, rows: int, shape: tuple[int, int]) -> bool:
    """Return whether `order` is a tensor of that shape, in memory, with indices below `rows`."""
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
    """Yield the rows in order, in batches of `batch_size`; the last batch has the remaining rows. Each has its own
    memory.

    Images that are decoded on reading are decoded some batches ahead. `Gather` documents the arguments.
    """
    gather = Gather(cached, rows, fields=fields, extra=extra, value_range=value_range, device=device)
    parts = (torch.arange(start, min(start + batch_size, len(rows))) for start in range(0, len(rows), batch_size))
    if gather.stored is None or not gather.stored.decodes:
        yield from map(gather, parts)
        return
    with ThreadPoolExecutor(AHEAD, "reading ahead") as reader:
        coming: deque[Future[Batch]] = deque()
        for positions in parts:
            coming.append(reader.submit(gather.read_anew, positions))
            if len(coming) > AHEAD:
                yield gather.finished(coming.popleft().result())
        while coming:
            yield gather.finished(coming.popleft().result())
