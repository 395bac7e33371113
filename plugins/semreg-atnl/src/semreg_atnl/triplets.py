"""Counts the active triplets of a batch without listing them.

The loss is linear in the angles as long as no triplet becomes active or inactive. So its value and its gradient follow
from one number for each pair of an anchor and another code: the number of active triplets with the pair.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from semreg.core import at_hand, closest
from semreg_atnl.unit import angles_and_slopes

TripletChoice = Literal["all", "semihard", "hard"]

# Angles in a block of anchors: on a CPU as many as its caches hold, elsewhere enough to keep the device busy.
CPU_BLOCK, DEVICE_BLOCK = 2**17, 2**24
LEAST_ROWS = 64


def check_triplets(triplets: str) -> None:
    """Raise ValueError for a choice of triplets that does not exist."""
    if triplets not in get_args(TripletChoice):
        raise ValueError(f"there is no choice of triplets {triplets!r}{closest(triplets, get_args(TripletChoice))}")


def accumulate_triplets(
    unit: Tensor,
    positives: Callable[[slice], Tensor],
    margin: float,
    triplets: TripletChoice,
    precision: torch.dtype,
    *,
    with_gradient: bool,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the sum over the active triplets, their number, and the sum's gradient with respect to the unit codes.

    Args:
        unit: codes on the sphere, float64 `(batch, code)`.
        positives: finds for some anchors the codes of their class and those beside it, bool `(anchors, batch)`.
        margin: in radians.
        triplets: which triplets count.
        precision: of the angles, float32 or float64.
        with_gradient: whether to compute the gradient.

    Returns:
        Two scalars of float64, and float64 `(batch, code)` or None. The gradient has parts along the codes, which the
            normalisation's derivative removes.
    """
    batch = len(unit)
    total, active = unit.new_zeros(()), unit.new_zeros(())
    gradient = torch.zeros_like(unit) if with_gradient else None
    block = CPU_BLOCK if unit.device.type == "cpu" else DEVICE_BLOCK
    rows = max(block // max(batch, 1), LEAST_ROWS)
    margin = max(margin, torch.finfo(precision).tiny)  # so that every limit is above 0
    for start in range(0, batch, rows):
        anchors = slice(start, start + rows)
        own = unit[anchors]
        theta, slope = angles_and_slopes(own, unit, precision)
        positive = positives(anchors)
        negative = ~positive
        positive.diagonal(start).fill_(False)  # the anchor itself
        counts = triplet_counts(theta, theta + margin, positive, negative, triplets)
        signed = torch.where(positive, counts, -counts).double()
        number = counts.sum(dtype=torch.float64) / 2  # each triplet counts at its positive and at its negative
        active += number
        total += (signed * theta).sum() + margin * number
        if gradient is not None:
            by_cosine = signed.mul_(slope)
            gradient[anchors].addmm_(by_cosine, unit)
            gradient.addmm_(by_cosine.mT, own)
    return total, active, gradient


def triplet_counts(theta: Tensor, limit: Tensor, positive: Tensor, negative: Tensor, triplets: TripletChoice) -> Tensor:
    """Return the number of active triplets with each pair of an anchor (row) and another code (column).

    A positive p and a negative n of one row make an active triplet if theta[n] < limit[p].

    Args:
        theta: angles, or other finite distances of 0 and more, `(anchors, batch)`.
        limit: the same plus the margin, above 0.
        positive, negative: bool `(anchors, batch)`, never both true; the anchor itself is neither.
        triplets: "all", "semihard" or "hard", as in `angular_triplet_neighbor_loss`.

    Returns:
        Integers `(anchors, batch)`.
    """
    count = {"all": _count_all, "semihard": _count_semihard, "hard": _count_hard}[triplets]
    return count(theta, limit, positive, negative)


def _count_all(theta: Tensor, limit: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Compute both counts of each row with one sort and one search.

    The keys, −limit of a positive and theta of a negative, are sorted with all positives before all negatives. The rank
    of limit[p] among them is the number of positives plus that of the negatives below limit[p]; the rank of −theta[n]
    is the number of positives whose limit is above theta[n]. Both look up the negated key.
    """
    # Codes in no triplet are behind all keys, and negated before them.
    keys = torch.where(positive, -limit, torch.where(negative, theta, math.inf))
    places = torch.searchsorted(_sorted(keys), -keys, out_int32=True)
    return places - torch.where(positive, positive.sum(1, keepdim=True, dtype=torch.int32), 0)


def _sorted(rows: Tensor) -> Tensor:
    # NumPy sorts only values, with the processor's vector instructions: about ten times as fast as PyTorch on a CPU.
    return torch.from_numpy(np.sort(rows.numpy())) if at_hand(rows) else rows.sort(1).values


def _count_semihard(theta: Tensor, limit: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    values, columns = torch.where(negative, theta, math.inf).sort(1)
    # A rank can be past the end only in a row without positives, from which none is chosen.
    places = torch.searchsorted(values, theta, right=True).clamp(max=theta.shape[1] - 1)
    nearest = values.gather(1, places)
    chosen = (positive & (nearest < limit)).long()
    return chosen.scatter_add(1, columns.gather(1, places), chosen)


def _count_hard(theta: Tensor, limit: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    farthest, at_positive = torch.where(positive, limit, -math.inf).max(1, keepdim=True)
    nearest, at_negative = torch.where(negative, theta, math.inf).min(1, keepdim=True)
    active = (nearest < farthest).long()
    return (
        torch.zeros_like(theta, dtype=torch.int64)
        .scatter_add(1, at_positive, active)
        .scatter_add(1, at_negative, active)
    )
