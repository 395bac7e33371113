"""Sweeps with Optuna, which chooses values and prunes poor trials."""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = ["Optuna"]

if TYPE_CHECKING:
    from semreg_optuna.search import Optuna
else:
    __getattr__, __dir__ = lazy_names(__name__, "search")
