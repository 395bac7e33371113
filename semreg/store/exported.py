"""An exported run's folder: like a run's, with the weights of the modules in use instead of checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from semreg.core import UserError
from semreg.store.disk import memory, read_if_there
from semreg.store.layout import MODEL

_BETWEEN = "."


def packed_weights(modules: Mapping[str, nn.Module], *, half: bool) -> bytes:
    """Return the weights of modules, by the module's name and then their own; `half` stores rounded ones as float16."""
    flat: dict[str, Tensor] = {}
    for name, module in modules.items():
        rounded = {key for key, weight in module.named_parameters(remove_duplicate=False) if half and is_large(weight)}
        for key, tensor in module.state_dict().items():
            kept = tensor.half() if key in rounded else tensor
            flat[f"{name}{_BETWEEN}{key}"] = kept.detach().cpu().contiguous().clone()
    return save(flat)


def is_large(weight: Tensor) -> bool:
    """Return whether half precision applies to a weight, as it does to matrices and kernels."""
    return weight.ndim > 1 and weight.is_floating_point()


def read_exported(folder: Path) -> dict[str, Any] | None:
    """Return the state of a run exported into a folder, in a checkpoint's form; None if there is none.

    Raises UserError if it is damaged.
    """
    content = read_if_there(folder / MODEL, most=memory())
    if content is None:
        return None
    try:
        flat = load(content)
    except (ValueError, SafetensorError) as error:
        raise UserError(str(folder / MODEL), f"cannot be read: {error}") from error
    modules: dict[str, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        name, _, rest = key.partition(_BETWEEN)
        modules.setdefault(name, {})[rest] = tensor
    return {"modules": modules, "averages": {}, "phase": math.inf, "exported": True}
