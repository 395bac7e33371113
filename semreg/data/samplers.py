"""Samplers: which rows are in which batch of one epoch.

A sampler is a function. Its positional inputs are labels, one for each row (a tensor for each name in the recipe's
`sampler = "name(label)"`). It receives `count` (the number of rows), `batch_size` and `generator` by keyword, and
`shards` if it has such a parameter: the shard of each row (`semreg.data.shards`), int64 `(count,)`, ascending. It
returns int64 `(count // batch_size, batch_size)`, indices into those rows. Its UserErrors and ValueErrors are reported
at the recipe's key.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Annotated

import torch
from annotated_types import Ge, Le
from einops import rearrange
from torch import Tensor


def shuffled(*, count: int, batch_size: int, generator: torch.Generator | None = None) -> Tensor:
    """Take every row at most once, in random order; rows that do not fill a batch are left out of this epoch.

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
    """Take every row at most once, in shards of random order, with the rows of each `window` of shards shuffled
    together.

    A data set larger than the memory is thus read in few places at a time. Rows that do not fill a batch are left out
    of this epoch. Returns int64 `(count // batch_size, batch_size)`.
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


def class_balanced(
    labels: Tensor,
    *,
    count: int,
    batch_size: int,
    power: Annotated[float, Ge(0), Le(1)] = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw rows with replacement, a row of class j with probability ∝ n_j^(power − 1), n_j being the rows of class j.

    With `power = 0` all classes are equally likely, with 1/2 in proportion to the root of their sizes, with 1 all rows
    are. A batch has equally many rows of each class only on the average; `balanced` has exactly as many if the number
    of classes divides the batch.

    Source: Kang et al., *Decoupling Representation and Classifier for Long-Tailed Recognition* (2020), Eq. 1.

    Args:
        labels: each row's class, int64 `(count,)`.
        count: how many rows there are.
        batch_size: rows of a batch.
        power: q of the paper.
        generator: source of randomness.

    Returns:
        int64 `(count // batch_size, batch_size)`, indices into the rows.

    Raises:
        ValueError: if the labels are not classes of all rows.
    """
    members = _members("class_balanced", labels, count)
    sizes = torch.bincount(members)
    batches = count // batch_size
    if not batches:
        return torch.empty(0, batch_size, dtype=torch.int64)
    # First a class, then one of its rows: multinomial allows at most 2²⁴ categories.
    likely = sizes.double() ** power
    classes = torch.multinomial(likely, batches * batch_size, replacement=True, generator=generator)
    place = (torch.rand(len(classes), dtype=torch.float64, generator=generator) * sizes[classes]).long()
    rows = members.argsort(stable=True)[(sizes.cumsum(0) - sizes)[classes] + place]
    return rearrange(rows, "(batches rows) -> batches rows", rows=batch_size)


def pairs_that_share(
    labels: Tensor, *, count: int, batch_size: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw batches of pairs of rows with the same label: rows 0 and 1 of a batch, 2 and 3, and so on.

    Each row is in one pair with another row of its class, drawn at random, except the only row of a class and one row
    of a class of odd size. The pairs are in random order; the frequency of a class is its number of rows. Further pairs
    are drawn to fill the epoch.

    Source: Shu et al., *Weakly Supervised Disentanglement with Guarantees* (2020), share labelling.

    Args:
        labels: each row's class, the factor that pairs share, int64 `(count,)`.
        count: how many rows there are.
        batch_size: rows of a batch, an even number.
        generator: source of randomness.

    Returns:
        int64 `(count // batch_size, batch_size)`, indices into the rows.

    Raises:
        ValueError: if the labels are not classes of all rows, the batch size is odd, or no two rows share a class.
    """
    members = _members("pairs_that_share", labels, count)
    if batch_size % 2:
        raise ValueError(f"pairs_that_share: a batch of {batch_size} doesn't divide into pairs; an even number does")
    batches = count // batch_size
    wanted = batches * batch_size // 2
    found: list[Tensor] = []
    if wanted and not (torch.bincount(members) > 1).any():
        raise ValueError("pairs_that_share: no two rows have the same class")
    while sum(len(pairs) for pairs in found) < wanted:
        found.append(_paired(members, generator))
    return torch.cat([torch.empty(0, 2, dtype=torch.int64), *found])[:wanted].reshape(batches, batch_size)


def _members(name: str, labels: Tensor, count: int) -> Tensor:
    """Return the classes of all rows, numbered from 0 without gaps."""
    if labels.shape != (count,) or labels.is_floating_point():
        found = f"{str(labels.dtype).removeprefix('torch.')} {tuple(labels.shape)}"
        raise ValueError(f"{name} needs one class for each of {count} rows, found {found}")
    members: Tensor = torch.unique(labels, return_inverse=True)[1]
    return members


def _paired(members: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return pairs `(pairs, 2)` of rows of one class, each row at most once, in random order."""
    shuffled_rows = torch.randperm(len(members), generator=generator)
    rows = shuffled_rows[members[shuffled_rows].argsort(stable=True)]  # class by class, at random in each
    classes = members[rows]
    sizes = torch.bincount(classes)
    place = torch.arange(len(rows)) - (sizes.cumsum(0) - sizes)[classes]
    first = (place % 2 == 0) & (place + 1 < sizes[classes])
    starts = first.nonzero().flatten()
    pairs = torch.stack([rows[starts], rows[starts + 1]], dim=1)
    return pairs[torch.randperm(len(pairs), generator=generator)]
