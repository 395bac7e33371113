"""Samplers: which rows go into which batch of one epoch.

A sampler is a function. Its inputs are labels by position (a tensor for each name in the recipe's
`sampler = "name(label)"`, over the rows that are sampled), and it gets `count` (the number of rows), `batch_size` and
`generator` by keyword, and `shards` if it names that: the shard of each row (`semreg.data.shards`), int64 `(count,)`,
ascending. It returns int64 `(count // batch_size, batch_size)`, indices into those rows. What it raises as
UserError or ValueError is told at the recipe's key.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Annotated

import torch
from annotated_types import Ge
from einops import rearrange
from torch import Tensor


def shuffled(*, count: int, batch_size: int, generator: torch.Generator | None = None) -> Tensor:
    """Every row at most once, in random order; the rows that do not fill a batch are left out of this epoch.

    Returns int64 `(count // batch_size, batch_size)`.
    """
    batches = count // batch_size
    rows = torch.randperm(count, generator=generator)[: batches * batch_size]
    return rearrange(rows, "(batches rows) -> batches rows", rows=batch_size)


def shuffled_shards(
    *,
    count: int,
    batch_size: int,
    shards: Tensor | None = None,
    window: Annotated[int, Ge(1)] = 4,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Every row at most once, shard by shard: shards in random order, and the rows of each `window` of them in random
    order, so that a set that is larger than the memory is read in few places at a time.

    The rows that do not fill a batch are left out of this epoch. Returns int64 `(count // batch_size, batch_size)`.
    """
    sizes = [count] if shards is None else torch.unique_consecutive(shards, return_counts=True)[1].tolist()
    starts = [0, *accumulate(sizes)]
    order = torch.randperm(len(sizes), generator=generator).tolist()
    rows = []
    for first in range(0, len(order), window):
        together = torch.cat([torch.arange(starts[k], starts[k + 1]) for k in order[first : first + window]])
        rows.append(together[torch.randperm(len(together), generator=generator)])
    batches = count // batch_size
    return rearrange(torch.cat(rows)[: batches * batch_size], "(batches rows) -> batches rows", rows=batch_size)
