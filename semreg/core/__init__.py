"""The core: interfaces of every kind of component, the registry of their names, and what all rooms say things with.

It imports no other room, and neither PyTorch nor NumPy: `semreg list` answers from here alone. Plugins import from
`semreg.core` what its modules below name in `__all__`, and events from `semreg.core.hookspecs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from semreg.core.lazy import lazy_names as lazy_names

if TYPE_CHECKING:
    from semreg.core.errors import *  # noqa: F403
    from semreg.core.executors import *  # noqa: F403
    from semreg.core.interfaces import *  # noqa: F403
    from semreg.core.modules import *  # noqa: F403
    from semreg.core.posteriors import *  # noqa: F403
    from semreg.core.randomness import *  # noqa: F403
    from semreg.core.results import *  # noqa: F403
    from semreg.core.roles import *  # noqa: F403
    from semreg.core.searches import *  # noqa: F403
    from semreg.core.shapes import *  # noqa: F403
    from semreg.core.source import *  # noqa: F403
    from semreg.core.specification import *  # noqa: F403
else:
    _MODULES = (
        "errors", "randomness", "shapes", "posteriors", "interfaces", "executors", "roles", "searches", "source",
        "specification", "results", "modules",
    )  # fmt: skip
    __getattr__, __dir__ = lazy_names(__name__, *_MODULES)
