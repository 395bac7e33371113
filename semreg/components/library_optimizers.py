"""timm's optimisers, unchanged. timm, which takes seconds to import, is imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timm.optim import (  # type: ignore[attr-defined]  # which it holds without `__all__`
        MADGRAD,
        SGDP,
        SGDW,
        AdaBelief,
        Adafactor,
        AdafactorBigVision,
        AdamP,
        AdamWLegacy,
        Adan,
        Adopt,
        Lamb,
        LaProp,
        Lars,
        Lion,
        Mars,
        Muon,
        NAdamLegacy,
        NAdamW,
        NvNovoGrad,
        RAdamLegacy,
        RMSpropTF,
    )

__all__ = [
    "MADGRAD",
    "SGDP",
    "SGDW",
    "AdaBelief",
    "Adafactor",
    "AdafactorBigVision",
    "AdamP",
    "AdamWLegacy",
    "Adan",
    "Adopt",
    "LaProp",
    "Lamb",
    "Lars",
    "Lion",
    "Mars",
    "Muon",
    "NAdamLegacy",
    "NAdamW",
    "NvNovoGrad",
    "RAdamLegacy",
    "RMSpropTF",
]


def __getattr__(name: str) -> Any:
    """Return an optimiser of timm. Raises AttributeError if the installed timm has none of that name."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("timm.optim"), name)
