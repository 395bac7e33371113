"""The grid of a data set with known factors: every combination of their values, each a row."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from semreg.core import ClassField, Order, closest
from semreg.data.splits import random_order

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FactorGrid:
    """All combinations of the values of factors; row n has the nth of them, and the last factor varies fastest.

    `factors` has a field of classes for each: the names of its values, and whether these are a "ring", a "line" or
    neither.
    """

    factors: Mapping[str, ClassField]

    @cached_property
    def sizes(self) -> dict[str, int]:
        """How many values each factor has."""
        return {name: len(field.names) for name, field in self.factors.items()}

    @cached_property
    def count(self) -> int:
        """How many combinations there are."""
        return math.prod(self.sizes.values())

    def classes(self, rows: npt.ArrayLike) -> dict[str, Rows]:
        """Return the class of each factor in these rows, int64, of the shape of `rows`. Raises ValueError for other
        rows."""
        found = np.unravel_index(np.asarray(rows, dtype=np.int64), tuple(self.sizes.values()))
        return {name: values.astype(np.int64) for name, values in zip(self.sizes, found, strict=True)}

    def rows(self, **classes: npt.ArrayLike) -> Rows:
        """Return the rows of combinations, int64: a class, or an array of classes, for each factor by its name.

        Raises ValueError for a missing or unknown factor, and for a class that does not exist.
        """
        for name in classes.keys() - self.sizes.keys():
            raise ValueError(f"no factor is called {name!r}{closest(name, self.sizes)}")
        if left := [name for name in self.sizes if name not in classes]:
            raise ValueError(f"the class of {', '.join(left)} isn't told")
        values = np.broadcast_arrays(*(np.asarray(classes[name], dtype=np.int64) for name in self.sizes))
        return np.asarray(np.ravel_multi_index(values, tuple(self.sizes.values())), dtype=np.int64)

    def pairs(self, count: int, *, shared: Collection[str], generator: np.random.Generator) -> Rows:
        """Draw rows of `count` pairs uniformly, int64 `(count, 2)`: two combinations of the same class of each factor
        in `shared`, and of independent classes of the others. Raises ValueError for an unknown factor."""
        for name in shared:
            if name not in self.sizes:
                raise ValueError(f"no factor is called {name!r}{closest(name, self.sizes)}")
        drawn = {name: generator.integers(size, size=(count, 2)) for name, size in self.sizes.items()}
        return self.rows(**{name: both[:, [0, 0]] if name in shared else both for name, both in drawn.items()})

    def subset(self, count: int | None, seed: int) -> Rows:
        """Draw `count` different rows, ascending, by the seed, the same in every run; all of them for None.

        Raises ValueError for more rows than there are.
        """
        if count is None:
            return np.arange(self.count)
        if count > self.count:
            raise ValueError(f"count is {count:,}; the grid has {self.count:,} combinations")
        return np.sort(random_order(self.count, seed)[:count])


def steps(count: int, order: Order = "line") -> ClassField:
    """Return a factor whose values are called 0 to `count` - 1."""
    return ClassField(tuple(map(str, range(count))), order)
