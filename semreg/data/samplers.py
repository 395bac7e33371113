"""Samplers: which rows go into which batch of one epoch.

A sampler is a function. Its inputs are labels by position (a tensor for each name in the recipe's
`sampler = "name(label)"`, over the rows that are sampled), and it gets `count` (the number of rows), `batch_size` and
`generator` by keyword. It returns int64 `(count // batch_size, batch_size)`, indices into those rows. What it raises as
UserError or ValueError is told at the recipe's key.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor


def shuffled(*, count: int, batch_size: int, generator: torch.Generator | None = None) -> Tensor:
    """Every row at most once, in random order; the rows that do not fill a batch are left out of this epoch.

    Returns int64 `(count // batch_size, batch_size)`.
    """
    batches = count // batch_size
    rows = torch.randperm(count, generator=generator)[: batches * batch_size]
    return rearrange(rows, "(batches rows) -> batches rows", rows=batch_size)
