"""The library's losses by the names of its classes, each made on first use."""

from __future__ import annotations

from typing import Any

from semreg_metric_learning.names import ENTRIES

_NAMES = {entry.library: name for name, entry in ENTRIES.items()}


def __getattr__(library: str) -> Any:
    if library not in _NAMES:
        raise AttributeError(f"{__name__} has no {library!r}", name=library)
    from semreg_metric_learning.adapter import adapted  # here, since importing the library takes a second

    name = _NAMES[library]
    component = globals()[library] = adapted(name, ENTRIES[name])
    return component


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
