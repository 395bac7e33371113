"""Checkpoints: tensors in safetensors, the rest in JSON; whole or absent, and free of anything that could run code."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from semreg.core import UserError
from semreg.store.disk import discard, memory, read_file, whole_folder, write_synced, writing
from semreg.store.exported import read_exported
from semreg.store.layout import CHECKPOINTS

KEPT = 2
"""The checkpoints of a run in training: one is whole if the last is damaged."""
_NUMBER = re.compile(r"[0-9]{8,15}", re.ASCII)
TENSORS, REST = "tensors.safetensors", "state.json"


def write_checkpoint(folder: Path, number: int, state: Mapping[str, Any]) -> Path:
    """Write `state`, nested tables of tensors and JSON values, as checkpoint `number` of `folder`; keep the last two.

    It is written under a temporary name, synced and renamed, so that a checkpoint is whole or absent.

    Raises CannotWrite; the earlier checkpoints then stay.
    """
    tensors: dict[str, torch.Tensor] = {}
    rest = _split(state, "", tensors)
    # Cloned because safetensors refuses tensors that share memory, as tied weights do.
    content = save({key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()})
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{number:08d}"
    with writing(folder):
        with whole_folder(path) as part:
            write_synced(part / TENSORS, content)
            write_synced(part / REST, json.dumps({"sha256": digest, "state": rest}).encode())
        for old in _numbers(folder)[:-KEPT]:
            discard(folder / f"{old:08d}")
    return path


def read_latest(folder: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the newest whole checkpoint of `folder`, or None, and a note for each newer one that is damaged."""
    notes: list[str] = []
    for number in reversed(_numbers(folder)):
        try:
            return read_checkpoint(folder / f"{number:08d}"), notes
        except UserError as error:
            notes.append(error.text())
    return None, notes


def read_state(run: Path, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the state for use of a run: that of its newest whole checkpoint or, if it is trained, of its last one.

    For an exported run it is the weights. None if there is none, or if the last checkpoint of a trained run is damaged:
    an earlier one is not the trained state.
    """
    exported = read_exported(run)
    if exported is not None:
        return exported
    state, notes = read_latest(run / CHECKPOINTS)
    return None if notes and record.get("trained") else state


def keep_last(folder: Path) -> None:
    """Remove all checkpoints except the newest: a trained run resumes from none. Raises CannotWrite."""
    with writing(folder):
        for old in _numbers(folder)[:-1]:
            discard(folder / f"{old:08d}")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the state in a checkpoint. Raises UserError if it is damaged or incomplete."""
    try:
        content, numbers = json.loads(read_file(path / REST)), read_file(path / TENSORS, most=memory())
        if hashlib.sha256(numbers).hexdigest() != content["sha256"]:
            raise UserError(str(path), "damaged checkpoint: its tensors have changed since they were written")
        state: Any = _join(content["state"], load(numbers))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        raise UserError(str(path), f"damaged checkpoint: {type(error).__name__}: {error}") from error
    if not isinstance(state, dict):
        raise UserError(str(path), f"damaged checkpoint: its state is a {type(state).__name__}, not a table")
    return state


def _numbers(folder: Path) -> list[int]:
    names = (path.name for path in folder.glob("[0-9]*")) if folder.is_dir() else ()
    return sorted(int(name) for name in names if _NUMBER.fullmatch(name))


def _split(value: Any, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Return `value` with each tensor moved to `tensors` and replaced by its key."""
    if isinstance(value, torch.Tensor):
        while path in tensors:  # a key may hold a slash
            path += "'"
        tensors[path] = value
        return {"tensor": path}
    if isinstance(value, Mapping):
        return {"table": [[key, _split(inner, f"{path}/{key}", tensors)] for key, inner in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [_split(inner, f"{path}/{index}", tensors) for index, inner in enumerate(value)]}
    if isinstance(value, torch.dtype):  # as an optimiser's option
        return {"dtype": str(value).removeprefix("torch.")}
    return value


def _join(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "dtype" in value:
        return _dtype(value["dtype"])
    if "list" in value:
        return [_join(inner, tensors) for inner in value["list"]]
    return {key: _join(inner, tensors) for key, inner in value["table"]}


def _dtype(name: str) -> torch.dtype:
    found = getattr(torch, name)
    if not isinstance(found, torch.dtype):
        raise ValueError(f"{name!r} is not a dtype")
    return found
