"""Public names of a package, imported when they are first asked for: commands answer without PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, *modules: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose public names are defined in modules of it.

    Those are public that the package's `__all__` names, or without one those of each module. Type checkers read names
    from imports under `TYPE_CHECKING`:

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
