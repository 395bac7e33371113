"""The events of a run that plugins may receive. Hooks observe: semreg uses only what `statistics` and `report_sections`
return.

A plugin is a module, an object or a class (instantiated once per run). An entry point of group `semreg.hooks` names it,
or `semreg.run(recipe, hooks=[…])` adds it. Its functions have the names of the events below, are marked `hookimpl`, and
take any of an event's arguments by name:

    from semreg.core.hookspecs import hookimpl

    @hookimpl
    def run_finished(run):
        print("trained:", run.folder)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from torch import Tensor

    from semreg.core.interfaces import ObservedRun, TrainedRun
    from semreg.core.results import Picture, Result, Table

hookspec = pluggy.HookspecMarker("semreg")
hookimpl = pluggy.HookimplMarker("semreg")


@dataclass(frozen=True)
class Progress:
    """The progress of a phase after an iteration; both counts start at 1.

    `losses` holds each loss's mean since the last such report, and is None if the losses weren't read from the device.
    `images_per_second` is None if it wasn't measured.
    """

    phase: str
    epoch: int
    epochs: int
    iteration: int
    iterations: int
    losses: dict[str, float] | None = None
    images_per_second: float | None = None


@dataclass(frozen=True)
class Section:
    """A section of the report: paragraphs of plain text, tables and pictures under a title."""

    title: str
    text: str = ""
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


@hookspec
def run_started(run: ObservedRun) -> None:
    """A run starts or resumes: its folder and record exist, and this process has not trained yet."""


@hookspec
def phase_started(run: ObservedRun, phase: str) -> None:
    """The phase named `phase` starts or resumes."""


@hookspec
def iteration_done(run: ObservedRun, progress: Progress) -> None:
    """An iteration of a phase has ended, with all its steps. Keep it fast: it is called thousands of times."""


@hookspec
def phase_finished(run: ObservedRun, phase: str, epoch: int) -> None:
    """The phase named `phase` has ended at epoch `epoch`, its last one unless validation ended it early. Its best
    weights, if it keeps them, are not loaded yet. The event is repeated if a run resumes here."""


@hookspec
def checkpoint_written(run: ObservedRun, path: Path) -> None:
    """A checkpoint is complete on disk at `path`."""


@hookspec
def statistics(run: ObservedRun, trained: TrainedRun) -> Mapping[str, Mapping[str, Tensor]]:  # type: ignore[empty-body]
    """Return statistics of the training data that a use of the run needs, by user and name; called after training.

    semreg stores them as `Run.statistics`, so that the use needs no data. The run's roles name the tensors.
    """


@hookspec
def evaluation_started(run: ObservedRun, name: str) -> None:
    """The evaluation called `name` in the recipe starts; it may take minutes."""


@hookspec
def evaluation_done(run: ObservedRun, name: str, result: Result) -> None:
    """The evaluation called `name` in the recipe is stored. The event is repeated if a run resumes here."""


@hookspec
def run_finished(run: ObservedRun) -> None:
    """All phases and evaluations are recorded. The event is repeated if the process is killed during it."""


@hookspec
def report_written(run: ObservedRun) -> None:
    """All consequences of `run_finished` are complete, including the report: the run's folder won't change any more."""


@hookspec
def run_stopped(run: ObservedRun, error: BaseException) -> None:
    """An error or an interrupt ends the run early; it can resume from its last checkpoint."""


@hookspec
def report_sections(run: ObservedRun) -> list[Section]:  # type: ignore[empty-body]
    """Return sections to add to the report. Read only the run's folder: the report may be rewritten much later."""
