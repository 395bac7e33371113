"""The core: the interface of each kind of component, the registry of their names, and terms that all packages share.

It imports no other package of semreg, and neither PyTorch nor NumPy, so that `semreg list` answers fast. Plugins import
the names in `__all__` of the modules below, and events from `semreg.core.hookspecs`.
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
