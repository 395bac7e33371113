"""What handles have read, kept for whoever reads it next: within a budget, and what was longest unused leaves first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from semreg.components.values import tensors_of
from semreg.store.disk import memory

SHARE = 16
"""What a run keeps of the values it has read is at most one part in so many of the memory here."""


def bytes_of(value: Any) -> int:
    """The bytes of a value's tensors."""
    return sum(tensor.nbytes for tensor in tensors_of(value))


class ReadCache:
    """Values by keys, of at most `budget` bytes together (default: the share of the memory here)."""

    def __init__(self, budget: int | None = None) -> None:
        self.budget = memory() // SHARE if budget is None else budget
        self.bytes = 0
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """The value of a key, None if it isn't kept."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def keep(self, key: Hashable, value: Any) -> None:
        """Keep a value of a key that has none, unless it alone is over the budget; others make room for it."""
        size = bytes_of(value)
        if size > self.budget:
            return
        while self.bytes + size > self.budget:
            _, left = self._values.popitem(last=False)
            self.bytes -= bytes_of(left)
        self._values[key] = value
        self.bytes += size
