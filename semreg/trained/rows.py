"""Values of a run a part of their rows at a time, so that a split need not be in memory at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from semreg.components.values import is_posterior, map_tensors, tensors_of
from semreg.core import Handle

BATCH = 256
"""Rows that are computed at once, whatever is asked for: other numbers would round otherwise."""
NUMBERS_AT_ONCE = 2**25
"""Of a tensor, where a figure is a mean over all its numbers: 128 MB of float32."""


def rows_in(value: Any) -> int:
    """How many rows a tensor, or a posterior of such, has."""
    return len(tensors_of(value)[0])


def joined(parts: Sequence[Any]) -> Any:
    """The rows of several values, one value after the other."""
    first = parts[0]
    if is_posterior(first):
        return type(first)(*(torch.cat(list(values)) for values in zip(*parts, strict=True)))
    return torch.cat(list(parts))


def regrouped(parts: Iterable[Any], size: int) -> Iterator[Any]:
    """The same rows in the same order, `size` of them at a time, and at last what is left."""
    held: list[Any] = []
    count = 0
    for part in parts:
        held.append(part)
        count += rows_in(part)
        if count < size:
            continue
        value = joined(held) if len(held) > 1 else held[0]
        whole = count - count % size
        for start in range(0, whole, size):
            yield _slice(value, start, start + size)
        held = [_slice(value, whole, count)] if whole < count else []
        count -= whole
    if held:
        yield joined(held) if len(held) > 1 else held[0]


def picked(batches: Iterable[Any], rows: Tensor) -> Iterator[Any]:
    """Some of the rows of what comes a batch at a time, by their places in it, int64, ascending."""
    start = 0
    for batch in batches:
        stop = start + rows_in(batch)
        first, last = torch.searchsorted(rows, torch.tensor([start, stop])).tolist()
        inside = rows[first:last] - start
        yield map_tensors(lambda tensor, inside=inside: tensor[inside], batch)  # type: ignore[misc]
        start = stop


def selected(batches: Iterable[Any], rows: Tensor) -> Any:
    """Some of the rows of what comes a batch at a time, by their places in it, int64 `(rows,)`, in that order.

    `selected(handle.batches("test"), rows)` is `handle.read("test")[rows]`, and holds no other rows.
    """
    places, order = torch.unique(rows, return_inverse=True)
    return map_tensors(lambda tensor: tensor[order], joined(list(picked(batches, places))))


def in_parts(split: str, *handles: Handle, count: int | None = None) -> Iterator[tuple[Any, ...]]:
    """Values of several tensors for the same rows of a split, as many rows at a time as hold about 2²⁵ numbers of each.

    For means over all numbers of images, whose last digits depend on their order: few images come in one part, and
    `mean_of` the parts is then theirs. Other arguments and errors are those of `Handle.batches`.
    """
    first = [next(iter(handle.batches(split, size=1, count=1))) for handle in handles]
    most = max(sum(tensor.numel() for tensor in tensors_of(value)) for value in first)
    size = max(1, NUMBERS_AT_ONCE // max(most, 1) // BATCH) * BATCH
    yield from zip(*(handle.batches(split, size=size, count=count) for handle in handles), strict=True)


def mean_of(means: Sequence[float], sizes: Sequence[int]) -> float:
    """The mean of parts of so many rows each from their means; of one part its own, bit for bit."""
    return math.fsum(mean * (size / sum(sizes)) for mean, size in zip(means, sizes, strict=True))


def _slice(value: Any, start: int, stop: int) -> Any:
    return map_tensors(lambda tensor: tensor[start:stop], value)
