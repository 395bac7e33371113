"""What a run keeps of its training data for its use: tensors by who wants them and by name, in one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from semreg.core import UserError
from semreg.store.disk import memory, read_if_there, write_whole, writing
from semreg.store.layout import STATISTICS

_BETWEEN = "/"


def write_statistics(folder: Path, statistics: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Write all statistics of a run, in the place of those there were. Raises CannotWrite."""
    flat = {
        f"{owner}{_BETWEEN}{name}": tensor.detach().cpu().contiguous().clone()
        for owner, tensors in statistics.items()
        for name, tensor in tensors.items()
    }
    with writing(folder):
        write_whole(folder / STATISTICS, save(flat))


def read_statistics(folder: Path) -> dict[str, dict[str, Tensor]]:
    """The statistics of a run; none where it kept none. Raises UserError if they are damaged."""
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
