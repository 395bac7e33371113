"""The mathematics of ATNL as pure functions: angles, the angular triplet-neighbor loss, and paths on the sphere.

Directions are computed in float64 for codes of any type: with rounding in float32, codes less than a milliradian apart
would lose a tenth of their gradient or more. Angles are in radians.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch
from annotated_types import Gt, Lt
from torch import Tensor
from torch.autograd.function import once_differentiable

from semreg.components.functional import in_float32
from semreg.core import Role, require_classes, shape_error
from semreg_atnl.neighbors import Neighbors, positives_of
from semreg_atnl.triplets import TripletChoice, accumulate_triplets, check_triplets
from semreg_atnl.unit import angles_and_slopes, great_circle, unit_and_length

Margin = Annotated[float, Gt(0), Lt(math.pi)]


def normalize(codes: Tensor) -> Tensor:
    """Return the codes' directions, points of the unit sphere.

    Args:
        codes: `(batch, code)`.

    Returns:
        `(batch, code)`, of unit Euclidean norm, in the codes' dtype.

    Raises:
        ValueError: if a code is zero, or not finite; its row is named.
    """
    return unit_and_length(codes)[0].to(codes.dtype)


def class_directions(codes: Tensor, labels: Annotated[Tensor, Role.LABEL]) -> Tensor:
    """Turn each code to the direction of its class in the batch, `(batch, code)`: a geodesic passes the class there.

    A class's direction is the mean of its codes' directions, as in `geodesic`. The codes keep their lengths.

    Args:
        codes: `(batch, code)`, of any length but zero.
        labels: the classes, integers `(batch,)`, 0 or more.

    Returns:
        `(batch, code)` in the codes' dtype; parallel rows for equal labels.

    Raises:
        ValueError: for other shapes, labels that are not classes, a code that is zero or not finite, or a class whose
            directions cancel.

    Source: beyond the paper.
    """
    call = "class_directions(codes, labels)"
    if codes.ndim != 2 or labels.shape != codes.shape[:1]:
        raise shape_error(call, "batch code, batch", "one class for each code", codes, labels)
    require_classes(call, labels, rows=len(codes))
    if not len(codes):
        return codes
    unit, length = unit_and_length(codes)
    same = (labels[:, None] == labels).to(unit)
    return (length * unit_and_length(same @ unit)[0]).to(codes.dtype)


class_directions.couples_rows = True  # type: ignore[attr-defined]


def angles(a: Tensor, b: Tensor) -> Tensor:
    """Return the angle between each code of `a` and each code of `b`, accurate from 0 to π in value and gradient.

    Unlike that of arccos, the derivative of an angle is bounded: its length is one over the code's norm, except at
    exactly 0 and π, where it is 0. Differentiable once.

    Args:
        a: `(n, code)`, of any length but zero.
        b: `(m, code)`.

    Returns:
        `(n, m)`, radians in [0, π]; float64 if one of the codes is, else float32.

    Raises:
        ValueError: if a code is zero or not finite, or the shapes do not fit.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"the codes must be (n, code) and (m, code), found {tuple(a.shape)} and {tuple(b.shape)}")
    precision = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    result: Tensor = _Angles.apply(unit_and_length(a)[0], unit_and_length(b)[0], precision)
    return result


class _Angles(torch.autograd.Function):
    """Angles between unit codes, with a derivative that stays accurate where that of arccos does not."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, precision: torch.dtype) -> Tensor:
        theta, slope = angles_and_slopes(a, b, precision)
        ctx.save_for_backward(a, b, slope)
        return theta

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        a, b, slope = ctx.saved_tensors
        # The normalisation's own derivative removes the parts along the codes.
        by_cosine = gradient.double() * slope
        return by_cosine @ b, by_cosine.mT @ a, None


@in_float32
def angular_triplet_neighbor_loss(
    codes: Annotated[Tensor, Role.CODE],
    labels: Annotated[Tensor, Role.LABEL],
    *,
    margin: Margin = 1.2,
    neighbors: Annotated[Neighbors, Role.ORDER],
    triplets: TripletChoice = "all",
    num_classes: Annotated[Annotated[int, Gt(0)] | None, Role.CLASSES] = None,
    reduction: Literal["active", "sum"] = "active",
) -> Tensor:
    """Compute ATNL: max(θ(anchor, positive) − θ(anchor, negative) + margin, 0) over the triplets of a batch (Eq. 3–4).

    Positives of an anchor are the other codes of its class and those of neighbouring classes, never itself; negatives
    are all others. A triplet is active if the maximum's first argument is strictly positive. The loss normalises the
    codes. With `triplets = "all"` it is exact in O(N² log N) time, and computed in blocks of anchors, so that memory is
    linear in the batch beyond one block.

    Args:
        codes: `(batch, code)`, of any length but zero; in the paper's model the posterior's mean.
        labels: the classes, integers `(batch,)`.
        margin: in radians, 0 < margin < π; the paper has 1.2 on MNIST and 0.9 on Multi-PIE.
        neighbors: "ring", "line", "none", a list of pairs of classes, or a symmetric matrix of booleans.
        triplets: "all" of them; "semihard": for each anchor and positive the nearest negative that is farther than the
            positive, if it is active (FaceNet's rule; without one no triplet); "hard": for each anchor its farthest
            positive and its nearest negative.
        num_classes: how many classes there are. A ring needs it, since a batch need not hold the last class.
        reduction: "active" is the mean over the active triplets (decision), whose number is a constant in the gradient;
            "sum" is the paper's sum.

    Returns:
        A scalar, float64 for codes of float64, else float32; a zero with a gradient of zeros if no triplet is active or
            none exists. Differentiable once.

    Raises:
        ValueError: for a margin or label out of range, a neighbourhood that is unknown, malformed or leaves no
            negatives, a code that is zero or not finite, or shapes that do not fit.
    """
    call = "atnl(codes, labels)"
    if codes.ndim != 2 or labels.shape != codes.shape[:1]:
        raise shape_error(call, "batch code, batch", "one class for each code", codes, labels)
    require_classes(call, labels, rows=len(codes), classes=num_classes)
    if not 0 < margin < math.pi:
        raise ValueError(f"the margin is an angle between 0 and π (3.14…) radians, found {margin}")
    if reduction not in ("active", "sum"):
        raise ValueError(f"the reduction is 'active' or 'sum', found {reduction!r}")
    check_triplets(triplets)
    positives = positives_of(labels.long(), neighbors, num_classes)
    loss: Tensor = _TripletLoss.apply(
        codes, positives, float(margin), triplets, reduction == "active", torch.is_grad_enabled()
    )
    return loss


angular_triplet_neighbor_loss.couples_rows = True  # type: ignore[attr-defined]


class _TripletLoss(torch.autograd.Function):
    """The loss, with its gradient from the same pass: the angles of a block of anchors exist only once."""

    @staticmethod
    def forward(
        ctx: Any,
        codes: Tensor,
        positives: Callable[[slice], Tensor],
        margin: float,
        triplets: TripletChoice,
        mean: bool,
        with_gradient: bool,
    ) -> Tensor:
        precision = torch.promote_types(codes.dtype, torch.float32)
        unit, length = unit_and_length(codes)
        with_gradient = with_gradient and ctx.needs_input_grad[0]
        total, active, gradient = accumulate_triplets(
            unit, positives, margin, triplets, precision, with_gradient=with_gradient
        )
        divisor = active.clamp(min=1) if mean else torch.ones_like(active)
        if gradient is not None:
            along = (gradient * unit).sum(1, keepdim=True)
            ctx.save_for_backward(((gradient - along * unit) / (length * divisor)).to(precision))
            ctx.dtype = codes.dtype
        return (total / divisor).to(precision)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (derivative,) = ctx.saved_tensors
        return (gradient * derivative).to(ctx.dtype), *[None] * 5


def spherical_interpolation(
    a: Tensor, b: Tensor, weight: Tensor | float, *, norm: Literal["unit", "interpolated"] = "unit"
) -> Tensor:
    """Return the point at `weight` between `a` and `b` on their great circle, at constant angular speed (Eq. 7).

    Equal directions give a constant path. Opposite ones have no unique great circle: if they are closer than 1e-7 to
    opposite, the path passes the coordinate axis that is most nearly perpendicular to `a`, the first of several.

    Args:
        a, b: codes `(..., code)` that broadcast against each other, of any length but zero.
        weight: in [0, 1], a number or a tensor that broadcasts against the codes, such as `(batch, 1)` or
            `(steps, 1, 1)`. Beyond, the path continues along the circle.
        norm: of the result: "unit", or "interpolated" linearly between those of `a` and `b`, for codes that are not on
            the sphere.

    Returns:
        `(..., code)` in the codes' dtype. At weight 0 and 1 the codes themselves, with norm "unit" their directions.

    Raises:
        ValueError: if a code is zero or not finite, or opposite codes have one dimension only.
    """
    if norm not in ("unit", "interpolated"):
        raise ValueError(f"the norm is 'unit' or 'interpolated', found {norm!r}")
    dtype = torch.promote_types(a.dtype, b.dtype)
    start, start_length = unit_and_length(a)
    end, end_length = unit_and_length(b)
    weight = weight.to(start) if isinstance(weight, Tensor) else start.new_full((), weight)
    point = great_circle(start, end, weight)
    if norm == "interpolated":
        point = point * ((1 - weight) * start_length + weight * end_length)
    return point.to(dtype)
