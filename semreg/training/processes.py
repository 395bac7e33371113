"""Several processes on one run, as `torchrun` starts them: each takes its part of every batch, gradients are averaged.

The processes together take the steps that one process would. Means over the batch are averaged. Components that couple
the rows of a batch (triplets, permutations) are called on the whole batch, as in `parts.py`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from semreg.core import UserError
from semreg.core.errors import ProcessLostError, cause_of
from semreg.core.memory import out_of_memory

_PATIENCE = timedelta(days=1)  # decoding a data set may take the first process hours; a dead one is noticed at once
BYTES_OF_A_BUCKET = 25 * 2**20

Value = TypeVar("Value")


@dataclass(frozen=True)
class Processes:
    """This process among all of a run: number `rank` of `count`."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one process that writes the run's folder, calls the hooks and evaluates."""
        return self.rank == 0

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their means over the processes. Raises ProcessLostError."""
        for exchange in self.begin_average(tensors):
            exchange.end()

    def begin_average(self, tensors: Iterable[Tensor]) -> list[Exchange]:
        """Start to replace tensors by their means, which they are once all exchanges have ended."""
        return self._begin(tensors, lambda flat: dist.all_reduce(flat, async_op=True), divisor=self.count)

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their sums over the processes. Raises ProcessLostError."""
        for exchange in self._begin(tensors, lambda flat: dist.all_reduce(flat, async_op=True)):
            exchange.end()

    def take_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by those of the first process. Raises ProcessLostError."""
        for exchange in self._begin(tensors, lambda flat: dist.broadcast(flat, src=0, async_op=True)):
            exchange.end()

    def gather(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return the rows of all processes of tensors `(rows, ...)`, `(count · rows, ...)`, in one exchange of bytes.

        Every process has as many rows. Raises ProcessLostError.
        """
        if self.count == 1:
            return list(tensors)
        flat = [tensor.detach().reshape(len(tensor), tensor[0].numel()).contiguous() for tensor in tensors]
        parts = [part.view(torch.uint8) for part in flat]  # gloo has no exchange for some types
        own = torch.cat(parts, 1)
        whole = own.new_empty(self.count * len(own), own.shape[1])
        with _told():
            dist.all_gather(list(torch.chunk(whole, self.count)), own)
        columns = [column.contiguous() for column in torch.split(whole, [part.shape[1] for part in parts], 1)]
        columns = [column if column.numel() else whole.new_empty(0) for column in columns]  # which no type refuses
        return [
            column.view(tensor.dtype).view(len(whole), *tensor.shape[1:])
            for column, tensor in zip(columns, tensors, strict=True)
        ]

    def first_goes_ahead(self, do: Callable[[], Value]) -> Value:
        """Call `do` in the first process, and in the others afterwards. Raises ProcessLostError."""
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

    def _begin(self, tensors: Iterable[Tensor], exchange: Callable[[Tensor], Any], divisor: int = 1) -> list[Exchange]:
        """Start an exchange of all tensors of one dtype, in one piece, for each dtype."""
        if self.count == 1:
            return []
        alike: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            alike.setdefault(tensor.dtype, []).append(tensor.detach())
        begun = []
        for parts in alike.values():
            flat = torch.cat([part.reshape(-1) for part in parts])
            with _told():
                begun.append(Exchange(parts, flat, exchange(flat), divisor))
        return begun


class Exchange(NamedTuple):
    """Tensors in transit between the processes, in one piece."""

    parts: list[Tensor]
    flat: Tensor
    work: Any
    divisor: int

    def end(self) -> None:
        """Wait for the result, and write it into the tensors. Raises ProcessLostError."""
        with _told():
            self.work.wait()
        if self.divisor > 1:
            self.flat.div_(self.divisor)
        values = torch.split(self.flat, [part.numel() for part in self.parts])
        for part, value in zip(self.parts, values, strict=True):
            part.copy_(value.view_as(part))


ALONE = Processes()


class GradientAverages:
    """The means of gradients over the processes, exchanged in buckets during the backward pass.

    A bucket leaves once all of its gradients are ready, and those before it have left, so that all processes exchange
    in one order. The last one, with the gradients that a backward pass reaches last, leaves with the other values to
    average; a small network has no other.

    Args:
        processes: of the run.
        parameters: whose gradients are averaged.
        bytes_each: of a bucket, about.
    """

    def __init__(
        self, processes: Processes, parameters: Sequence[nn.Parameter], bytes_each: int = BYTES_OF_A_BUCKET
    ) -> None:
        self.processes, self.parameters = processes, parameters
        self.buckets: list[list[nn.Parameter]] = [[]]
        for parameter in reversed(parameters):  # about the order in which a backward pass reaches them
            if sum(other.nbytes for other in self.buckets[-1]) >= bytes_each:
                self.buckets.append([])
            self.buckets[-1].append(parameter)
        self._missing: list[int] = []
        self._begun: list[list[Exchange]] = []

    @contextlib.contextmanager
    def while_going_back(self) -> Iterator[None]:
        """Average the gradients of a backward pass inside."""
        early = self.buckets[:-1]
        self._missing, self._begun = [len(bucket) for bucket in early], []
        hooks = [
            parameter.register_post_accumulate_grad_hook(partial(self._arrived, number))  # type: ignore[no-untyped-call]
            for number, bucket in enumerate(early)
            for parameter in bucket
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def end(self, more: Iterable[Tensor] = ()) -> None:
        """Replace all gradients, and the tensors `more`, by their means. Raises ProcessLostError."""
        begun, self._begun = self._begun, []
        left = [p.grad for bucket in self.buckets[len(begun) :] for p in bucket if p.grad is not None]
        for exchanges in [*begun, self.processes.begin_average([*left, *more])]:
            for exchange in exchanges:
                exchange.end()

    def _arrived(self, number: int, _: Tensor) -> None:
        self._missing[number] -= 1
        while len(self._begun) < len(self._missing) and not self._missing[len(self._begun)]:
            bucket = self.buckets[len(self._begun)]
            self._begun.append(self.processes.begin_average([p.grad for p in bucket if p.grad is not None]))


def started_by_torchrun() -> bool:
    """Return whether this is one of several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the other processes that `torchrun` started, if it did, and make the card the current one.

    They join once: nested calls join nothing. Raises ProcessLostError if they can't be reached, and UserError if all of
    them share one chosen card.
    """
    on_card = device.type == "cuda"
    if on_card:
        torch.cuda.set_device(device)
    if not started_by_torchrun():
        yield ALONE
        return
    if dist.is_initialized():
        yield Processes(dist.get_rank(), dist.get_world_size())
        return
    own = os.environ.get("LOCAL_RANK", "0")
    if on_card and torch.cuda.device_count() > 1 and str(torch.cuda.current_device()) != own:
        raise UserError("--device", f"several processes can't share {device}; with --device cuda each has a card")
    with _told():
        dist.init_process_group("nccl" if on_card else "gloo", timeout=_PATIENCE, device_id=device if on_card else None)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if out_of_memory(error):
            raise
        said = f"another process of this run has ended, or can't be reached ({cause_of(error)})"
        raise ProcessLostError("", said) from error
