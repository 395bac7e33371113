"""Values that handles have read, kept for the next reader: within a budget, and the least recently used are dropped
first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from semreg.components.values import tensors_of
from semreg.store.disk import memory

SHARE = 16
"""A run keeps values that take at most one part in so many of this machine's memory."""


def bytes_of(value: Any) -> int:
    """Return the bytes of a value's tensors."""
    return sum(tensor.nbytes for tensor in tensors_of(value))


class ReadCache:
    """Values by keys, of at most `budget` bytes together (default: the share of the memory here)."""

    def __init__(self, budget: int | None = None) -> None:
        self.budget = memory() // SHARE if budget is None else budget
        self.bytes = 0
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """Return the value of a key, None if it isn't kept."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def keep(self, key: Hashable, value: Any) -> None:
        """Keep a value of a new key, and drop others to make room; a value larger than the budget is not kept."""
        size = bytes_of(value)
        if size > self.budget:
            return
        while self.bytes + size > self.budget:
            _, left = self._values.popitem(last=False)
            self.bytes -= bytes_of(left)
        self._values[key] = value
        self.bytes += size
