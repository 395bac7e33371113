"""Values of a recipe's tensors: a tensor, a posterior or another tuple, and functions of all its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


def is_posterior(value: object) -> bool:
    """Return whether a value is a NamedTuple, as posteriors are."""
    return isinstance(value, tuple) and hasattr(value, "_fields")


def tensors_of(value: Any) -> list[Tensor]:
    """Return the tensors in a value, in order: itself, or the parts of a posterior or of another tuple."""
    if isinstance(value, Tensor):
        return [value]
    return [tensor for part in value for tensor in tensors_of(part)] if isinstance(value, tuple) else []


def map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Change each tensor of a tensor or a tuple, such as a posterior; anything else stays."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        parts = [map_tensors(change, part) for part in value]
        return type(value)(*parts) if is_posterior(value) else tuple(parts)
    return value


def on_cpu(value: Any) -> Any:
    """Return a value with its tensors on the CPU, without gradients, and floats as float32."""

    def moved(tensor: Tensor) -> Tensor:
        tensor = tensor.detach().cpu()
        return tensor.float() if tensor.is_floating_point() else tensor.clone()

    return map_tensors(moved, value)
