"""A great circle around the codes' own centre, in the scale of their own spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from semreg_atnl.functional import spherical_interpolation

WIDEST = 1024
"""The most dimensions of a code with a full covariance: for more, eigenvectors take seconds and fill
the run's memory."""
FLOOR = 1e-6
"""The least spread along any direction, as a share of the greatest: directions without spread are not stretched."""


class Whitened:
    """A path between two codes on a great circle around the mean of the training codes, in whitened coordinates.

    y = S⁻¹(x − m) has mean 0 and covariance I over training codes; the path from y_a to y_b follows their great circle
    with a linearly changing norm, and returns by x = m + S·y. So its Mahalanobis distance from the mean stays between
    those of its ends; a straight line passes nearer to the mean than codes do. (A straight line in whitened coordinates
    is the straight line.) It doesn't use the codes' classes.

    Args:
        scaling: S is the root of the "full" covariance, of only its "diagonal", or 1, "none": the great circle about
            the mean.

    An addition to the paper, whose great circles (Eq. 7) are about the origin.
    """

    follows_classes = False

    def __init__(self, *, scaling: Literal["full", "diagonal", "none"] = "full") -> None:
        if scaling not in ("full", "diagonal", "none"):
            raise ValueError(f"the scaling is 'full', 'diagonal' or 'none', found {scaling!r}")
        self.scaling = scaling
        self.mean: Tensor | None = None
        self.axes = self.spreads = torch.empty(0)

    def fit(self, codes: Tensor, labels: Tensor, order: str) -> Whitened:
        """Compute mean and covariance of training codes `(rows, code)`; labels and order are not used.

        Raises ValueError for other shapes, fewer than two codes, codes that are not finite or all the same, and a full
        covariance of codes with more than 1024 dimensions.
        """
        if codes.ndim != 2 or not codes.is_floating_point() or len(codes) < 2:
            raise ValueError(f"whitened is fitted on two codes (rows, code) or more, found {tuple(codes.shape)}")
        if not codes.isfinite().all():
            raise ValueError("whitened: some of the codes are not finite")
        size = codes.shape[1]
        if self.scaling == "full" and size > WIDEST:
            raise ValueError(
                f'whitened: a covariance of {size} numbers is too large; scaling = "diagonal" goes with any'
            )
        wide = codes.detach().double()
        mean = wide.mean(0)
        if self.scaling == "full":
            values, axes = torch.linalg.eigh((wide - mean).mT @ (wide - mean) / (len(codes) - 1))
            spreads = values.clamp(min=0).sqrt()
        else:
            axes = wide.new_zeros(0, 0)
            spreads = wide.std(0) if self.scaling == "diagonal" else wide.new_ones(size)
        if not float(spreads.max()) > 0:
            raise ValueError("whitened: all of the codes are the same, and have no spread")
        self.mean, self.axes, self.spreads = mean, axes, spreads.clamp(min=FLOOR * float(spreads.max()))
        return self

    def state(self) -> dict[str, Tensor]:
        """Return the mean `(code,)`, the axes `(code, code)`, empty unless the scaling is full, and the spreads along
        them, `(code,)`, float64. Raises ValueError if it was not fitted."""
        return {"mean": self._fitted(), "axes": self.axes, "spreads": self.spreads}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Load the result of `state`, instead of a `fit`."""
        self.mean, self.axes, self.spreads = state["mean"], state["axes"], state["spreads"]

    def _fitted(self) -> Tensor:
        if self.mean is None:
            raise ValueError("whitened is not fitted; call fit on training codes first")
        return self.mean

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        """Return the point at `weight` of the path's angle from `a` to `b`, codes `(batch, code)`.

        Weights are as in `spherical_interpolation`. Raises ValueError as that does, for a code that is the mean.
        """
        if a.shape[-1:] != self._fitted().shape:
            fitted, found = len(self._fitted()), a.shape[-1]
            raise ValueError(f"whitened was fitted on codes of {fitted} numbers; these have {found}")
        mean, axes, spreads = (part.to(a.device) for part in (self._fitted(), self.axes, self.spreads))
        full = len(axes) > 0
        ends = (end.double() - mean for end in (a, b))
        white = [(end @ axes if full else end) / spreads for end in ends]
        point = spherical_interpolation(white[0], white[1], weight, norm="interpolated") * spreads
        return (mean + (point @ axes.mT if full else point)).to(torch.promote_types(a.dtype, b.dtype))
