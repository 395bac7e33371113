"""Values of a run in parts of rows, so that a split need not fit into memory at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from semreg.components.values import is_posterior, map_tensors, tensors_of
from semreg.core import Handle

BATCH = 256
"""Rows that are computed at once, for every request: other batch sizes would round differently."""
NUMBERS_AT_ONCE = 2**25
"""The values of a tensor that are read at once for a mean over all of them: 128 MB of float32."""


def rows_in(value: Any) -> int:
    """Return how many rows a tensor, or a posterior of tensors, has."""
    return len(tensors_of(value)[0])


def concatenated(parts: Sequence[Any]) -> Any:
    """Return the rows of several values, one value after the other."""
    first = parts[0]
    if is_posterior(first):
        return type(first)(*(torch.cat(list(values)) for values in zip(*parts, strict=True)))
    return torch.cat(list(parts))


class Gathered:
    """Rows that arrive in parts, written to one buffer that doubles if more arrive than expected.

    In a list, each small part would occupy memory where the next large batch should fit; glibc would then lose as much
    memory for each batch as a batch takes.
    """

    def __init__(self, expected: int = 0) -> None:
        self._expected, self._rows = expected, 0
        self._whole: Any = None

    def add(self, part: Any) -> None:
        """Append the rows of one more part."""
        stop = self._rows + rows_in(part)
        if self._whole is None or stop > rows_in(self._whole):
            room = max(stop, self._expected if self._whole is None else 2 * rows_in(self._whole))
            larger = map_tensors(lambda tensor: tensor.new_empty(room, *tensor.shape[1:]), part)
            if self._whole is not None:
                _write(self.value, larger, 0)
            self._whole = larger
        _write(part, self._whole, self._rows)
        self._rows = stop

    @property
    def value(self) -> Any:
        """All rows so far."""
        return _slice(self._whole, 0, self._rows)


def gathered(parts: Iterable[Any], expected: int = 0) -> Any:
    """Return the rows of values, one after the other; `expected` is the likely number of rows. At least one value is
    needed."""
    found = Gathered(expected)
    for part in parts:
        found.add(part)
    return found.value


def regrouped(parts: Iterable[Any], size: int) -> Iterator[Any]:
    """Yield the same rows in the same order, `size` of them at a time, and the rest at the end."""
    held: list[Any] = []
    count = 0
    for part in parts:
        held.append(part)
        count += rows_in(part)
        if count < size:
            continue
        value = concatenated(held) if len(held) > 1 else held[0]
        whole = count - count % size
        for start in range(0, whole, size):
            yield _slice(value, start, start + size)
        held = [_slice(value, whole, count)] if whole < count else []
        count -= whole
    if held:
        yield concatenated(held) if len(held) > 1 else held[0]


def picked(batches: Iterable[Any], rows: Tensor) -> Iterator[Any]:
    """Yield some of the rows of batches, by their positions, int64, ascending."""
    start = 0
    for batch in batches:
        stop = start + rows_in(batch)
        first, last = torch.searchsorted(rows, torch.tensor([start, stop])).tolist()
        inside = rows[first:last] - start
        yield map_tensors(lambda tensor, inside=inside: tensor[inside], batch)  # type: ignore[misc]
        start = stop


def selected(batches: Iterable[Any], rows: Tensor) -> Any:
    """Return some of the rows of batches, by their positions, int64 `(rows,)`, in that order.

    `selected(handle.batches("test"), rows)` is `handle.read("test")[rows]`, and holds no other rows in memory.
    """
    places, order = torch.unique(rows, return_inverse=True)
    return map_tensors(lambda tensor: tensor[order], gathered(picked(batches, places), len(places)))


def in_parts(split: str, *handles: Handle, count: int | None = None) -> Iterator[tuple[Any, ...]]:
    """Yield values of several tensors for the same rows of a split, as many rows at a time as hold about 2²⁵ values of
    each.

    Means over all values of images need it, since their last digits depend on the order: a few images are one part, and
    `mean_of` of one part is its own mean. Other arguments and errors are those of `Handle.batches`.
    """
    first = [next(iter(handle.batches(split, size=1, count=1))) for handle in handles]
    most = max(sum(tensor.numel() for tensor in tensors_of(value)) for value in first)
    size = max(1, NUMBERS_AT_ONCE // max(most, 1) // BATCH) * BATCH
    yield from zip(*(handle.batches(split, size=size, count=count) for handle in handles), strict=True)


def mean_of(means: Sequence[float], sizes: Sequence[int]) -> float:
    """Return the mean over parts of so many rows each, from their means; for one part its own mean, bit for bit."""
    return math.fsum(mean * (size / sum(sizes)) for mean, size in zip(means, sizes, strict=True))


def _write(part: Any, whole: Any, start: int) -> None:
    for source, target in zip(tensors_of(part), tensors_of(whole), strict=True):
        target[start : start + len(source)] = source


def _slice(value: Any, start: int, stop: int) -> Any:
    return map_tensors(lambda tensor: tensor[start:stop], value)
