"""The events of a run that plugins may listen to. Hooks observe: only what `statistics` and `report_sections` return is
used.

A plugin is a module, an object or a class (made once per run) named by an entry point of group `semreg.hooks`, or
handed to `semreg.run(recipe, hooks=[…])`. Its functions are called like the events below, are marked `hookimpl`, and
take any of the arguments, by name:

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
    """Where a phase stands after an iteration; both counts start at 1.

    `losses` holds each loss's mean since it was last given, and is None where none was read from the device.
    `images_per_second` is None where it was not measured.
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
    """A run starts or resumes: its folder and record exist, nothing has been trained in this process."""


@hookspec
def phase_started(run: ObservedRun, phase: str) -> None:
    """The phase named `phase` starts or resumes."""


@hookspec
def iteration_done(run: ObservedRun, progress: Progress) -> None:
    """One iteration of a phase is done, all its steps. Keep it quick: it is called thousands of times."""


@hookspec
def phase_finished(run: ObservedRun, phase: str, epoch: int) -> None:
    """The phase named `phase` is trained, to its last epoch or to `epoch`, where validation ended it. Its best weights,
    if it keeps them, are not taken yet; said again where a run resumes at its end."""


@hookspec
def checkpoint_written(run: ObservedRun, path: Path) -> None:
    """A checkpoint is complete on disk at `path`."""


@hookspec
def statistics(run: ObservedRun, trained: TrainedRun) -> Mapping[str, Mapping[str, Tensor]]:  # type: ignore[empty-body]
    """What a use of the run needs of its training data, asked for once it is trained: by who wants it and by name.

    It is kept with the run, as `Run.statistics`, so that the use needs no data. Roles say what is of interest.
    """


@hookspec
def evaluation_started(run: ObservedRun, name: str) -> None:
    """The evaluation called `name` in the recipe begins; it may take minutes."""


@hookspec
def evaluation_done(run: ObservedRun, name: str, result: Result) -> None:
    """The evaluation called `name` in the recipe is done and stored; said again where a run resumes after it."""


@hookspec
def run_finished(run: ObservedRun) -> None:
    """All phases and evaluations are done and recorded; said again if the process is killed while this is said."""


@hookspec
def report_written(run: ObservedRun) -> None:
    """All that `run_finished` brought about is done, the report among it: the run's folder is as it stays."""


@hookspec
def run_stopped(run: ObservedRun, error: BaseException) -> None:
    """The run ends early, by an error or an interrupt; it can be resumed from its last checkpoint."""


@hookspec
def report_sections(run: ObservedRun) -> list[Section]:  # type: ignore[empty-body]
    """Sections to add to the report, made from the run's folder alone: the report may be written again much later."""
