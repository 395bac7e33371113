"""Statistics of the training data that a run stores for its use: tensors by owner and name, in one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from semreg.core import UserError
from semreg.core.errors import cause_of
from semreg.store.disk import memory, read_if_there, write_whole, writing
from semreg.store.layout import STATISTICS

_BETWEEN = "/"


def write_statistics(folder: Path, statistics: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Write all statistics of a run, replacing the old ones. Raises CannotWrite, ValueError as `packed`."""
    content = packed(statistics)
    with writing(folder):
        write_whole(folder / STATISTICS, content)


def packed(statistics: Mapping[str, Mapping[str, Tensor]]) -> bytes:
    """Encode statistics for storage. Raises ValueError unless they are tensors by owner and name that can be stored."""
    if not isinstance(statistics, Mapping):
        raise ValueError(f"it returned a {type(statistics).__name__}, not tensors by owner and name")
    flat: dict[str, Tensor] = {}
    for owner, tensors in statistics.items():
        named = isinstance(owner, str) and isinstance(tensors, Mapping)
        if not named or not all(isinstance(n, str) and isinstance(t, Tensor) for n, t in tensors.items()):
            raise ValueError(f"what it returned for {owner!r} is not tensors by name")
        try:
            own = {f"{owner}{_BETWEEN}{name}": t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
            save(own)
        except Exception as error:  # a layout without values, or a name that is not a text
            raise ValueError(f"what it returned for {owner!r} can't be stored: {cause_of(error)}") from error
        flat |= own
    return save(flat)


def read_statistics(folder: Path) -> dict[str, dict[str, Tensor]]:
    """Read the statistics of a run; none if it stored none. Raises UserError if they are damaged."""
    content = read_if_there(folder / STATISTICS, most=memory())
    if content is None:
        return {}
    try:
        flat = load(content)
    except (ValueError, SafetensorError) as error:
        raise UserError(str(folder / STATISTICS), f"cannot be read: {error}") from error
    found: dict[str, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        owner, _, name = key.rpartition(_BETWEEN)
        found.setdefault(owner, {})[name] = tensor
    return found
