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


def concatenated(parts: Sequence[Any]) -> Any:
    """The rows of several values, one value after the other."""
    first = parts[0]
    if is_posterior(first):
        return type(first)(*(torch.cat(list(values)) for values in zip(*parts, strict=True)))
    return torch.cat(list(parts))


class Gathered:
    """The rows of what comes a part at a time, written to one place that doubles where they are more than expected.

    In a list of its own memory each small part would lie where the next large batch was to fit, and of glibc's memory
    then as much would be lost for each batch as a batch takes.
    """

    def __init__(self, expected: int = 0) -> None:
        self._expected, self._rows = expected, 0
        self._whole: Any = None

    def add(self, part: Any) -> None:
        """Take the rows of one more part."""
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
        """All rows that came."""
        return _slice(self._whole, 0, self._rows)


def gathered(parts: Iterable[Any], expected: int = 0) -> Any:
    """The rows of values that come one after the other, of which so many are expected; at least one value comes."""
    found = Gathered(expected)
    for part in parts:
        found.add(part)
    return found.value


def regrouped(parts: Iterable[Any], size: int) -> Iterator[Any]:
    """The same rows in the same order, `size` of them at a time, and at last what is left."""
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
    return map_tensors(lambda tensor: tensor[order], gathered(picked(batches, places), len(places)))


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


def _write(part: Any, whole: Any, start: int) -> None:
    for source, target in zip(tensors_of(part), tensors_of(whole), strict=True):
        target[start : start + len(source)] = source


def _slice(value: Any, start: int, stop: int) -> Any:
    return map_tensors(lambda tensor: tensor[start:stop], value)
