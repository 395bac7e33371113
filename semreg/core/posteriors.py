"""Posteriors: NamedTuples of tensors that encoders return instead of a code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DiagonalGaussian", "require_posterior"]


class DiagonalGaussian(NamedTuple):
    """Independent normal distributions, one for each element of a code.

    `mean` and `log_variance` (natural logarithm) have one shape, `(batch, code)` or `(batch, channels, height, width)`.
    """

    mean: Tensor
    log_variance: Tensor


def require_posterior(posterior: object, call: str) -> None:
    """Raise ValueError unless `posterior` has a mean and a log-variance, both tensors; `call` names the caller."""
    from torch import Tensor  # here, since the core is imported by commands that answer without it

    found = [getattr(posterior, key, None) for key in ("mean", "log_variance")]
    if not all(isinstance(value, Tensor) for value in found):
        shape = f" of shape {tuple(posterior.shape)}" if isinstance(posterior, Tensor) else ""
        said = f"{call} takes a posterior with mean and log_variance, as diagonal_gaussian(features) gives"
        raise ValueError(f"{said}; found a {type(posterior).__name__}{shape}")
