"""Several processes on one run, as `torchrun` starts them: each takes its part of every batch, gradients are averaged.

With losses that are means over the batch, the processes together take the steps that one process would. Components
that couple the rows of a batch (triplets, permutations, batch norm) see the part of their own process.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TypeVar

import torch
import torch.distributed as dist

from semreg.core import UserError

_PATIENCE = timedelta(days=1)  # decoding a data set may take the first process hours; a dead one is noticed at once

Value = TypeVar("Value")


class ProcessLostError(UserError):
    """Another process of the run has ended."""


@dataclass(frozen=True)
class Processes:
    """This process among all of a run: number `rank` of `count`."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one process that writes the run's folder, tells the hooks and evaluates."""
        return self.rank == 0

    def average(self, tensors: Iterable[torch.Tensor]) -> None:
        """Replace tensors by their means over the processes. Raises ProcessLostError."""
        if self.count > 1:
            for flat in self._exchanged(tensors, dist.all_reduce):
                flat.div_(self.count)

    def take_from_first(self, tensors: Iterable[torch.Tensor]) -> None:
        """Replace tensors by those of the first process. Raises ProcessLostError."""
        if self.count > 1:
            for _ in self._exchanged(tensors, lambda flat: dist.broadcast(flat, src=0)):
                pass

    def first_goes_ahead(self, do: Callable[[], Value]) -> Value:
        """Call `do` in the first process, and in the others once it is done there. Raises ProcessLostError."""
        if self.count == 1:
            return do()
        if not self.first:
            self._barrier()
            return do()
        value = do()
        self._barrier()
        return value

    def _barrier(self) -> None:
        with _told():
            dist.barrier()

    def _exchanged(
        self, tensors: Iterable[torch.Tensor], exchange: Callable[[torch.Tensor], object]
    ) -> Iterator[torch.Tensor]:
        """The tensors in one piece for each run of equal dtypes: exchanged, yielded, and written back."""
        for _, group in groupby(tensors, key=lambda tensor: tensor.dtype):
            parts = [tensor.detach() for tensor in group]
            flat = torch.cat([part.reshape(-1) for part in parts])
            with _told():
                exchange(flat)
            yield flat
            for part, value in zip(parts, torch.split(flat, [part.numel() for part in parts]), strict=True):
                part.copy_(value.view_as(part))


ALONE = Processes()


def started_by_torchrun() -> bool:
    """Whether this is one of several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the other processes that `torchrun` started, if it did. Raises ProcessLostError if they can't be reached.

    They meet once: within, what joins again has joined already.
    """
    if not started_by_torchrun():
        yield ALONE
        return
    if dist.is_initialized():
        yield Processes(dist.get_rank(), dist.get_world_size())
        return
    with _told():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ProcessLostError("", "another process of this run has ended, or can't be reached") from error
