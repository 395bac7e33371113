"""Directions of codes, the angles between them and the great circles through them, in float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from semreg.core import at_hand

# Where 1 ∓ cos θ is below this (θ closer than 1e-4 to 0 or π), a float64 cosine has lost half of its digits or more.
CLOSE = 5e-9
# Chords below this are rounding errors between parallel codes.
SAME = 1e-15
# Between two codes closer to opposite than this, rounding decides the direction.
ANTIPODAL = 1e-7
# Below this angle sin(w·θ)/sin(θ) is its Taylor polynomial to the last digit.
SMALL = 1e-4
# Numbers in the rows that are subtracted at once where pairs are close.
CHUNK = 2**20


def unit_and_length(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the directions `(..., code)` and lengths `(..., 1)` of codes, float64. Raises ValueError as `normalize`
    does.

    If the check for codes without a direction would wait for a device, their direction is NaN.
    """
    if not codes.is_floating_point() or codes.ndim == 0 or codes.shape[-1] == 0:
        found = f"{str(codes.dtype).removeprefix('torch.')} {tuple(codes.shape)}"
        raise ValueError(f"codes are real numbers (batch, code), found {found}")
    wide = codes.double()
    # The largest element first, so that no square over- or underflows.
    scale = wide.detach().abs().amax(-1, keepdim=True)
    if at_hand(scale) and not ((scale > 0) & scale.isfinite()).all():
        raise ValueError(_why_not(scale.flatten()))
    scaled = wide / scale
    length = torch.linalg.vector_norm(scaled, dim=-1, keepdim=True)
    return scaled / length, scale * length


def _why_not(scale: Tensor) -> str:
    for wrong, what in ((scale.isnan(), "NaN"), (scale.isinf(), "infinite"), (scale == 0, "zero")):
        rows = wrong.nonzero().flatten().tolist()
        if rows:
            shown = ", ".join(map(str, rows[:5])) + (", …" if len(rows) > 5 else "")
            some = f"{len(rows)} of {len(scale)} codes are {what} (row{'s' if len(rows) > 1 else ''} {shown})"
            return f"{some}, and a code of that kind has no direction"
    raise AssertionError("called for codes that are all finite and not zero")


def angles_and_slopes(a: Tensor, b: Tensor, precision: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return the angles θ `(n, m)` between unit codes `(n, code)` and `(m, code)` of float64, and dθ/d cos θ, in
    `precision`.

    They are computed from 1 − cos θ and 1 + cos θ, which a float64 product gives accurately except for nearly parallel
    pairs. Only these few are computed from their chord; on a device, where finding them would wait, all are. The slope
    is −1/sin θ, and 0 for parallel and opposite codes.
    """
    cosine = a @ b.mT
    apart = (1 - cosine).to(precision)  # |a − b|² / 2
    across = cosine.add_(1).to(precision)  # |a + b|² / 2
    for half, sign in ((apart, -1), (across, 1)):
        if not at_hand(half):
            chords = torch.cdist(a, -sign * b, compute_mode="donot_use_mm_for_euclid_dist")
            exact = torch.where(chords < SAME, 0.0, chords.square() / 2).to(precision)
            half.copy_(torch.where(half < CLOSE, exact, half))
            continue
        for pairs in torch.split((half < CLOSE).nonzero(), max(CHUNK // a.shape[1], 1)):
            rows, columns = pairs.unbind(1)
            squares = torch.add(a[rows], b[columns], alpha=sign).square().sum(1)
            half[rows, columns] = torch.where(squares < SAME**2, 0.0, squares / 2).to(precision)
    slope = (apart * across).rsqrt_().neg_()
    slope.masked_fill_(slope.isinf(), 0.0)
    return torch.atan2(apart.sqrt_(), across.sqrt_()).mul_(2), slope


def angle_between(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the angle between unit codes `(..., code)` that broadcast, and the length of their sum,
    `(..., 1)` each."""
    chord, total = (torch.linalg.vector_norm(x, dim=-1, keepdim=True) for x in (a - b, a + b))
    return 2 * torch.atan2(chord, total), total


def great_circle(start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
    """Return the point at `weight` between unit codes of float64, as in `spherical_interpolation`."""
    theta, total = angle_between(start, end)
    opposite = total < ANTIPODAL
    point = _share(1 - weight, theta, opposite) * start + _share(weight, theta, opposite) * end
    if start.shape[-1] > 1 if not at_hand(opposite) else bool(opposite.any()):
        around = torch.cos(weight * math.pi) * start + torch.sin(weight * math.pi) * _perpendicular(start)
        point = torch.where(opposite & (weight != 1), around, point)
    return point


def _share(weight: Tensor, theta: Tensor, opposite: Tensor) -> Tensor:
    """Return sin(w·θ)/sin(θ), and its limit w for small angles, in a form whose unused branch has a finite
    derivative."""
    small = theta < SMALL
    ordinary = torch.where(small | opposite, 1.0, theta)
    ratio = torch.sin(weight * ordinary) / torch.sin(ordinary)
    limit = weight * (1 + (1 - weight.square()) * theta.square() / 6)
    return torch.where(small, limit, ratio)


def _perpendicular(unit: Tensor) -> Tensor:
    """Return the axis least along each unit code `(..., code)`, made perpendicular to it and of unit length."""
    if unit.shape[-1] < 2:
        raise ValueError("opposite codes of one dimension have no path on the sphere between them")
    index = unit.abs().argmin(-1, keepdim=True)
    axis = torch.zeros_like(unit).scatter(-1, index, 1.0)
    across = axis - unit.gather(-1, index) * unit
    length: Tensor = torch.linalg.vector_norm(across, dim=-1, keepdim=True)
    return across / length
