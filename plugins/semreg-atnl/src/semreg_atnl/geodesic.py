"""An interpolator that follows the arrangement of the classes on the sphere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from semreg.components.interpolators import place_on_path
from semreg_atnl.unit import angle_between, great_circle, unit_and_length


def class_directions(codes: Tensor, labels: Tensor) -> Tensor:
    """Return the mean direction of its codes, for each class that has codes, `(classes, code)`, float64.

    Args:
        codes: `(n, code)`, of any length but zero.
        labels: int64 `(n,)`.

    Raises:
        ValueError: for a code that is zero or not finite, or if a class's directions cancel.
    """
    unit = unit_and_length(codes)[0]
    classes, members = torch.unique(labels, return_inverse=True)
    sums = unit.new_zeros(len(classes), unit.shape[1]).index_add(0, members, unit)
    # Far below the length of a sum of n random directions: the class has codes in opposite pairs.
    if (torch.linalg.vector_norm(sums, dim=1) < 1e-9).any():
        raise ValueError("the directions of a class's codes cancel, so the class has no direction of its own")
    return unit_and_length(sums)[0]


class Geodesic:
    """A path between two codes through the directions of the classes between theirs, at constant angular speed.

    In a space of many dimensions the great circle between far classes leaves the curve of a ring or a line of classes;
    this path follows it, arc by arc. It is fitted on training codes: a class's direction is the mean of its codes'
    directions. An endpoint's class is that of the nearest direction, so it needs no label. On a ring the path goes the
    shorter way, at equal distance the ascending one. It skips classes without training codes.

    Args:
        offsets: how the path treats the difference of an endpoint from its class's direction, which carries its style:
            "dropped", it passes through the directions themselves; "carried", through points that differ from them as
            the endpoints differ from theirs, mixed by the share of the way.
        norm: of the result: "unit", or "interpolated" linearly between those of the endpoints, as in
            `spherical_interpolation`.

    Source: an addition to the paper.
    """

    def __init__(
        self,
        *,
        offsets: Literal["dropped", "carried"] = "dropped",
        norm: Literal["unit", "interpolated"] = "unit",
    ) -> None:
        if offsets not in ("dropped", "carried"):
            raise ValueError(f"the offsets are 'dropped' or 'carried', found {offsets!r}")
        if norm not in ("unit", "interpolated"):
            raise ValueError(f"the norm is 'unit' or 'interpolated', found {norm!r}")
        self.offsets = offsets
        self.norm = norm
        self.directions: Tensor | None = None
        self.ring = False

    def fit(self, codes: Tensor, labels: Tensor, order: Literal["ring", "line", "none"]) -> Geodesic:
        """Compute the classes' directions from training codes.

        Args:
            codes: `(n, code)`, of any length but zero.
            labels: int64 `(n,)`, classes numbered in their order.
            order: how the classes neighbour each other, "ring" or "line".

        Raises:
            ValueError: if the classes have no order, or a class's directions cancel.
        """
        if order not in ("ring", "line"):
            raise ValueError(f"geodesic follows classes in a ring or a line; these have the order {order!r}")
        if codes.ndim != 2 or labels.shape != codes.shape[:1] or not len(codes):
            found = f"{tuple(codes.shape)} and {tuple(labels.shape)}"
            raise ValueError(f"the codes must be (n, code) and the labels (n,), n > 0, found {found}")
        self.directions, self.ring = class_directions(codes, labels), order == "ring"
        return self

    def state(self) -> dict[str, Tensor]:
        """Return the classes' directions, float64 `(classes, code)`, and whether they form a ring.

        Raises ValueError if it was not fitted.
        """
        return {"directions": self._fitted(), "ring": torch.tensor(self.ring)}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Load the result of `state`, instead of a `fit`."""
        self.directions, self.ring = state["directions"], bool(state["ring"])

    def _fitted(self) -> Tensor:
        if self.directions is None:
            raise ValueError("geodesic is not fitted; call fit on training codes first")
        return self.directions

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        """Return the point at `weight` of the path's length from `a` to `b`, codes `(batch, code)`.

        Weights are as in `spherical_interpolation`: a number, `(batch, 1)`, `(steps, 1, 1)`.
        """
        ends = torch.stack([unit_and_length(a)[0], unit_and_length(b)[0]], dim=1)
        points = self._points(ends)
        arcs = angle_between(points[:, :-1], points[:, 1:])[0].squeeze(-1)
        weight = torch.as_tensor(weight, dtype=torch.float64, device=a.device)
        row, arc, inner = place_on_path(arcs, weight)
        point = great_circle(points[row, arc], points[row, arc + 1], inner[..., None])
        if self.norm == "interpolated":
            point = point * torch.lerp(unit_and_length(a)[1], unit_and_length(b)[1], weight)
        return point.to(torch.promote_types(a.dtype, b.dtype))

    def _points(self, ends: Tensor) -> Tensor:
        """Return `(batch, points, code)`: each row's `a`, the directions between, and `b` at least twice, up to one
        length."""
        directions = self._fitted().to(ends.device)
        if directions.shape[1:] != ends.shape[2:]:
            fitted, found = directions.shape[1], ends.shape[2]
            raise ValueError(f"geodesic was fitted on codes of {fitted} numbers; these have {found}")
        count = len(directions)
        first, last = (ends @ directions.mT).argmax(-1).unbind(1)
        steps = last - first
        if self.ring:
            ascending = steps % count
            steps = torch.where(2 * ascending <= count, ascending, ascending - count)
        between = int((steps.abs() - 1).clamp(min=0).max()) if len(steps) else 0
        number = torch.arange(1, between + 1, device=ends.device)
        passed = directions[(first[:, None] + steps.sign()[:, None] * number) % count]
        if self.offsets == "carried":
            share = (number / steps.abs().clamp(min=1)[:, None]).clamp(max=1).to(ends)[..., None]
            offsets = ends - directions[torch.stack([first, last], dim=1)]
            passed = unit_and_length(passed + torch.lerp(offsets[:, :1], offsets[:, 1:], share))[0]
        filled = torch.where((number < steps.abs()[:, None])[..., None], passed, ends[:, 1:])
        return torch.cat([ends[:, :1], filled, ends[:, 1:], ends[:, 1:]], dim=1)
