"""Sweeps whose values Optuna chooses, and whose poor trials it prunes."""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = ["Optuna"]

if TYPE_CHECKING:
    from semreg_optuna.search import Optuna
else:
    __getattr__, __dir__ = lazy_names(__name__, "search")
