"""Lazy imports of a package's public names, so that commands answer without importing PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, *modules: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a package whose public names are defined in its modules.

    The package's `__all__` lists the public names; without it, those of each module are public. Type checkers read
    names from imports under `TYPE_CHECKING`:

        __all__ = ["normalize"]

        if TYPE_CHECKING:
            from semreg_atnl.functional import normalize
        else:
            __getattr__, __dir__ = lazy_names(__name__, "functional")
    """
    namespace = vars(sys.modules[package])

    def find(name: str) -> Any:
        if name in namespace.get("__all__", [name]):
            for module in map(import_module, (f"{package}.{one}" for one in modules)):
                if name in (vars(module) if "__all__" in namespace else module.__all__):
                    value = namespace[name] = getattr(module, name)
                    return value
        raise AttributeError(f"{package} has no {name!r}", name=name, obj=sys.modules[package])

    return find, lambda: sorted({*namespace, *namespace.get("__all__", ())})
