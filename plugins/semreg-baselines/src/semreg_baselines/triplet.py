"""Triplets by Euclidean distance: VAE-TL on classes, VAE-TNL with neighbouring ones (Yan et al., Table I, Fig. 13)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from semreg_atnl.neighbors import Neighbors, positives_of
from semreg_atnl.triplets import TripletChoice, check_triplets, triplet_counts
from torch import Tensor

from semreg.components.functional import in_float32
from semreg.core import Role, at_hand, require_classes, shape_error


@in_float32
def triplet_loss(
    codes: Annotated[Tensor, Role.CODE],
    labels: Annotated[Tensor, Role.LABEL],
    *,
    margin: Annotated[float, Gt(0)] = 1.0,
    neighbors: Annotated[Neighbors, Role.ORDER] = "none",
    triplets: TripletChoice = "all",
    num_classes: Annotated[Annotated[int, Gt(0)] | None, Role.CLASSES] = None,
    reduction: Literal["active", "sum"] = "active",
) -> Tensor:
    """Compute max(|a − p| − |a − n| + margin, 0) over triplets of an anchor a, a positive p and a negative n.

    Source: Schroff et al., *FaceNet* (2015). It uses distances instead of their squares, as in Fig. 3 of Yan et al.
    (ATNL). Positives of an anchor are the other codes of its class, with `neighbors` also those of neighbouring
    classes; negatives are all others. Exact over all triplets in O(N² log N) time.

    Args:
        codes: `(batch, code)`, of any length.
        labels: the classes, int64 `(batch,)`.
        margin: above 0, in the codes' own unit of length.
        neighbors: "none", "ring", "line", a list of pairs of classes, or a symmetric matrix of booleans.
        triplets: "all", "semihard" or "hard", as in `angular_triplet_neighbor_loss`.
        num_classes: how many classes there are; a ring needs it.
        reduction: "active", the mean over the active triplets, or "sum".

    Returns:
        A scalar in the codes' dtype, at least float32; a connected zero if no triplet is active.

    Raises:
        ValueError: for a margin that is not positive, a neighbourhood that is unknown, malformed or leaves no
            negatives, a label outside the classes, codes that are not finite, or shapes that do not fit.
    """
    call = "triplet(codes, labels)"
    if codes.ndim != 2 or labels.shape != codes.shape[:1]:
        raise shape_error(call, "batch code, batch", "one class for each code", codes, labels)
    require_classes(call, labels, rows=len(codes), classes=num_classes)
    if not margin > 0:
        raise ValueError(f"the margin is a length above 0, found {margin}")
    if reduction not in ("active", "sum"):
        raise ValueError(f"the reduction is 'active' or 'sum', found {reduction!r}")
    check_triplets(triplets)
    precise = codes.to(torch.promote_types(codes.dtype, torch.float32))
    if at_hand(precise) and not precise.isfinite().all():
        raise ValueError("a code is NaN or infinite, and has no distance to another")
    positive = positives_of(labels.long(), neighbors, num_classes)(slice(None))
    # From differences, not from products: exact for near codes; the derivative of a distance of 0 is 0.
    distance = torch.cdist(precise, precise, compute_mode="donot_use_mm_for_euclid_dist")
    with torch.no_grad():
        negative = ~positive
        positive.fill_diagonal_(False)  # the anchor itself
        counts = triplet_counts(distance, distance + margin, positive, negative, triplets)
        signed = torch.where(positive, counts, -counts).to(distance.dtype)
        active = counts.sum(dtype=torch.float64) / 2  # every triplet is counted at its positive and at its negative
    total = (signed * distance).sum() + (margin * active).to(distance.dtype)
    return total / active.clamp(min=1).to(distance.dtype) if reduction == "active" else total


triplet_loss.couples_rows = True  # type: ignore[attr-defined]
