"""Metadata of other packages that can't be read: a command passes over them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

from semreg.core.registry import unreadable_metadata


def pass_over_unreadable() -> None:
    """Take packages whose entry points can't be read for such as have none, for the rest of this process.

    PyTorch, Triton and pydantic look for plugins of their own in all that is installed, and end at the first of these.
    """
    if unreadable_metadata():
        metadata.Distribution.entry_points = property(_entry_points)  # type: ignore[assignment, method-assign]


_READ: Callable[[metadata.Distribution], metadata.EntryPoints] = metadata.Distribution.entry_points.fget  # type: ignore


def _entry_points(distribution: metadata.Distribution) -> metadata.EntryPoints:
    try:
        return _READ(distribution)
    except Exception:  # whatever the damage makes its reading raise
        return metadata.EntryPoints()
