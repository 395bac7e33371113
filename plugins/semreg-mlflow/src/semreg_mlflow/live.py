"""MLflow in training: the run's folder is copied there repeatedly, as `semreg track` does once."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from semreg.core import ObservedRun, RecordedRun, UserError
from semreg.core.hookspecs import Progress, hookimpl
from semreg_mlflow import tracking

__all__ = ["LiveTracking"]

SECONDS_BETWEEN, SHARE = 10.0, 0.02
"""The least time between two updates, and the most of the training time that they may take; the first one, which
imports MLflow and may make a database, is not counted."""


class LiveTracking:
    """Copies a run to MLflow at records, at ends of epochs and at its end, if MLFLOW_TRACKING_URI is set.

    If a store doesn't answer, it warns; it sends the missing parts when the store answers again.
    """

    def __init__(self) -> None:
        self._wanted = bool(os.environ.get(tracking.VARIABLE))
        self._next: float | None = None
        self._warned = False

    @hookimpl
    def phase_started(self, run: ObservedRun) -> None:
        """Show the run from its start."""
        self._follow(run)

    @hookimpl
    def iteration_done(self, run: ObservedRun, progress: Progress) -> None:
        """Send new losses; most iterations have none."""
        if progress.losses is not None:
            self._follow(run)

    @hookimpl
    def checkpoint_written(self, run: ObservedRun) -> None:
        """Send the losses of an epoch, and of its validation."""
        self._follow(run)

    @hookimpl
    def evaluation_done(self, run: ObservedRun) -> None:
        """Send figures and pictures."""
        self._follow(run)

    @hookimpl
    def report_written(self, run: ObservedRun) -> None:
        """Send everything, whatever time it takes."""
        self._end(run)

    @hookimpl
    def run_stopped(self, run: ObservedRun) -> None:
        """Send everything, and how the run ended."""
        self._end(run)

    def _follow(self, run: ObservedRun) -> None:
        """Send new contents, if it is time."""
        if self._wanted and (self._next is None or time.monotonic() >= self._next):
            self._bring(run, replace(run.recorded(), state="running"))  # a resumed run may not have recorded it yet

    def _end(self, run: ObservedRun) -> None:
        if self._wanted:
            self._bring(run, run.recorded())

    def _bring(self, run: ObservedRun, recorded: RecordedRun) -> None:
        begun = time.monotonic()
        try:
            tracking.track(recorded)
        except UserError as error:
            if not self._warned:
                self._warned = True
                run.warn(f"{error.text()}; `semreg track {run.folder} --to mlflow` brings what is missing")
        now = time.monotonic()
        cost = 0.0 if self._next is None else (now - begun) / SHARE
        self._next = now + max(SECONDS_BETWEEN, cost)
