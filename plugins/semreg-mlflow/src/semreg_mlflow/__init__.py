"""Runs of semreg in MLflow."""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = ["LiveTracking", "track"]

if TYPE_CHECKING:
    from semreg_mlflow.live import LiveTracking
    from semreg_mlflow.tracking import track
else:
    __getattr__, __dir__ = lazy_names(__name__, "live", "tracking")
