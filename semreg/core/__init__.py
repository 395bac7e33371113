"""The core: interfaces of every kind of component, the registry of their names, and what all rooms say things with.

It imports no other room, and neither PyTorch nor NumPy: `semreg list` answers from here alone. Plugins import from
`semreg.core` what its modules below name in `__all__`, and events from `semreg.core.hookspecs`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semreg.core.errors import *  # noqa: F403
    from semreg.core.interfaces import *  # noqa: F403
    from semreg.core.posteriors import *  # noqa: F403
    from semreg.core.randomness import *  # noqa: F403
    from semreg.core.results import *  # noqa: F403
    from semreg.core.roles import *  # noqa: F403
    from semreg.core.shapes import *  # noqa: F403
    from semreg.core.source import *  # noqa: F403
    from semreg.core.specification import *  # noqa: F403

_MODULES = ("errors", "randomness", "shapes", "posteriors", "interfaces", "roles", "source", "specification", "results")


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first asked for: commands that answer at once ask for few."""
    for module in map(import_module, (f"semreg.core.{module}" for module in _MODULES)):
        if name in module.__all__:
            value = globals()[name] = getattr(module, name)
            return value
    raise AttributeError(f"semreg.core has no {name!r}")
