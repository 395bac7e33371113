"""Interpolators: paths from one code to another. `interfaces.Interpolator` says what any interpolator must offer."""

from __future__ import annotations

import torch
from torch import Tensor


def linear(a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
    """The straight line: (1 − weight)·a + weight·b, exactly `a` at weight 0 and exactly `b` at weight 1.

    `a`, `b` `(batch, code)`; `weight` in [0, 1], a number or a tensor that broadcasts against them, such as
    `(batch, 1)` or `(steps, 1, 1)`. Yan et al., *Semantics-Guided Representation Learning* (ATNL), Eq. 6.
    """
    return torch.lerp(a, b, weight.to(a) if isinstance(weight, Tensor) else weight)
