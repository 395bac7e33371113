"""Posteriors, NamedTuples of tensors that encoders give instead of a code, and what is done to all their parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DiagonalGaussian", "map_tensors", "require_posterior", "tensors_of"]


class DiagonalGaussian(NamedTuple):
    """Independent normal distributions, one for each element of a code.

    `mean` and `log_variance` (natural logarithm) have one shape, `(batch, code)` or `(batch, channels, height, width)`.
    """

    mean: Tensor
    log_variance: Tensor


def require_posterior(posterior: object, call: str) -> None:
    """Raises ValueError unless `posterior` has a mean and a log-variance, both tensors; `call` names who asks."""
    from torch import Tensor  # here, since the core is imported by commands that answer without it

    found = [getattr(posterior, key, None) for key in ("mean", "log_variance")]
    if not all(isinstance(value, Tensor) for value in found):
        shape = f" of shape {tuple(posterior.shape)}" if isinstance(posterior, Tensor) else ""
        raise ValueError(
            f"{call} takes a posterior with mean and log_variance, as diagonal_gaussian(features) gives; "
            f"found a {type(posterior).__name__}{shape}"
        )


def is_posterior(value: object) -> bool:
    """Whether a value is a NamedTuple, as posteriors are."""
    return isinstance(value, tuple) and hasattr(value, "_fields")


def tensors_of(value: Any) -> list[Tensor]:
    """The tensors in a value, in order: itself, or the parts of a posterior or of another tuple."""
    from torch import Tensor

    if isinstance(value, Tensor):
        return [value]
    return [tensor for part in value for tensor in tensors_of(part)] if isinstance(value, tuple) else []


def map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """A tensor, or a tuple such as a posterior, with each of its tensors changed; anything else as it is."""
    from torch import Tensor

    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        parts = [map_tensors(change, part) for part in value]
        return type(value)(*parts) if is_posterior(value) else tuple(parts)
    return value
