"""Unreadable metadata of other packages, which a command passes over."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

from semreg.core.registry import unreadable_metadata


def pass_over_unreadable() -> None:
    """Treat packages with unreadable entry points as if they had none, for the rest of this process.

    PyTorch, Triton and pydantic look for their own plugins in all installed packages. One of these would stop them.
    """
    if unreadable_metadata():
        metadata.Distribution.entry_points = property(_entry_points)  # type: ignore[assignment, method-assign]


_READ: Callable[[metadata.Distribution], metadata.EntryPoints] = metadata.Distribution.entry_points.fget  # type: ignore


def _entry_points(distribution: metadata.Distribution) -> metadata.EntryPoints:
    try:
        return _READ(distribution)
    except Exception:  # damaged metadata may raise anything
        return metadata.EntryPoints()
