"""Samplers: which rows go into which batch of one epoch."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from einops import rearrange
from torch import Tensor

from semreg.core import UserError


def balanced(
    labels: Tensor,
    *,
    count: int,
    batch_size: int,
    classes: Annotated[int, Gt(0)] | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw batches of equally many samples of each of `classes` classes, new classes for every batch (all by default).

    Each class passes through its samples in random order and starts in a new order once too few are left for a batch,
    so that no batch has a sample twice; samples of a small class return sooner than those of a large one. The classes
    alternate within a batch, so that several processes that share a batch get the classes alike.

    Source: an addition to the paper.

    Args:
        labels: each sample's class, int64 `(count,)`.
        count: how many samples there are.
        batch_size: a multiple of the number of classes in a batch.
        classes: how many classes a batch holds.
        generator: source of randomness.

    Returns:
        int64 `(count // batch_size, batch_size)`, indices into the samples.

    Raises:
        UserError: if a batch does not divide into the classes, there are too few classes, or a class has fewer samples
            than a batch takes of it.
    """
    if labels.shape != (count,):
        raise UserError("", f"balanced needs one class for each of {count} samples, found {tuple(labels.shape)}")
    present, sizes = torch.unique(labels, return_counts=True)
    chosen = len(present) if classes is None else classes
    if not 0 < chosen <= len(present):
        raise UserError("", f"balanced can't draw a batch of {chosen} classes: the data have {len(present)}")
    if batch_size % chosen:
        fits = f"a multiple of {chosen} does"
        raise UserError("", f"balanced: a batch of {batch_size} does not divide into {chosen} classes; {fits}")
    each = batch_size // chosen
    if (sizes < each).any():
        small = int((sizes < each).nonzero()[0])
        message = (
            f"balanced: a batch of {batch_size} takes {each} samples of each of {chosen} classes, and class "
            f"{int(present[small])} has {int(sizes[small])}; a smaller batch or more classes in a batch take fewer"
        )
        raise UserError("", message)

    batches = count // batch_size
    # For each batch a random choice of classes: the first of a random order.
    turns = torch.rand(batches, len(present), generator=generator).argsort(1)[:, :chosen]
    result = torch.empty(batches, each, chosen, dtype=torch.int64)
    for index, label in enumerate(present):
        batch, place = (turns == index).nonzero(as_tuple=True)
        rows = (labels == label).nonzero().flatten()
        result[batch, :, place] = _draws(rows, len(batch), each, generator)
    return rearrange(result, "batches each classes -> batches (each classes)")


def _draws(rows: Tensor, times: int, each: int, generator: torch.Generator | None) -> Tensor:
    """Draw `(times, each)` of the rows, none twice in a draw, nor in the draws of one pass over them."""
    per_pass = len(rows) // each
    passes = [
        rows[torch.randperm(len(rows), generator=generator)[: per_pass * each]] for _ in range(-(-times // per_pass))
    ]
    return rearrange(torch.cat([rows[:0], *passes]), "(draws each) -> draws each", each=each)[:times]
