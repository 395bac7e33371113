"""The versions that decide a run's numbers, and what differs between those that trained it and those that are here."""

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
"""Packages whose code their distribution's version tells, though a plugin's component may lie in them."""


def versions(plan: Plan) -> dict[str, str]:
    """Versions of everything that decides the numbers of a run."""
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in LIBRARIES.values()},
        OWN_DISTRIBUTION: metadata.version(OWN_DISTRIBUTION),
        **{name: version for name, version in plan.distributions().items() if name != THIS_PROCESS},
    }


def other_versions(record: Mapping[str, Any], plan: Plan) -> list[str]:
    """What trained a run and is here in another version, in words."""
    then, now = record.get("versions"), versions(plan)
    if not isinstance(then, dict):
        return []
    return [f"{name} {then[name]} (here {now[name]})" for name in then if name in now and then[name] != now[name]]
