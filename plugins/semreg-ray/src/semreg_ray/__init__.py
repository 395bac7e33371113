"""Grids of semreg's runs on the machines of a Ray cluster."""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = ["Ray"]

if TYPE_CHECKING:
    from semreg_ray.executor import Ray
else:
    __getattr__, __dir__ = lazy_names(__name__, "executor")
