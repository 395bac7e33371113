"""What kernels of codes are made from."""

from __future__ import annotations

from torch import Tensor


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """‖a_i − b_j‖² of codes `(rows, code)` and `(others, code)`, `(rows, others)`.

    From differences, not from products: exact for near codes.
    """
    return (a[:, None] - b).square().sum(2)
