"""The versions that affect a run's numbers, and the differences between those that trained it and those here."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from semreg.core.registry import OWN_DISTRIBUTION, THIS_PROCESS
from semreg.recipe.plan import Plan

LIBRARIES = {
    "torch": "torch",
    "torchvision": "torchvision",
    "timm": "timm",
    "numpy": "numpy",
    "sklearn": "scikit-learn",
    "torchmetrics": "torchmetrics",
}
"""Packages that are identified by their distribution's version, though a plugin's component may be in them."""


def versions(plan: Plan) -> dict[str, str]:
    """Return the versions of everything that affects the numbers of a run."""
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in LIBRARIES.values()},
        OWN_DISTRIBUTION: metadata.version(OWN_DISTRIBUTION),
        **{name: version for name, version in plan.distributions().items() if name != THIS_PROCESS},
    }


def other_versions(record: Mapping[str, Any], plan: Plan) -> list[str]:
    """Return, as text, the distributions whose version here differs from the one that trained the run."""
    then, now = record.get("versions"), versions(plan)
    if not isinstance(then, dict):
        return []
    return [f"{name} {then[name]} (here {now[name]})" for name in then if name in now and then[name] != now[name]]
