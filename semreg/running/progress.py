"""Progress of a run: the data used, a bar for every phase, and a line for every evaluation.

It prints plain lines if the output is not a terminal, and one output of the cell in a notebook.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from semreg.core import ObservedRun, printable
from semreg.core.hookspecs import Progress as PhaseProgress
from semreg.core.hookspecs import hookimpl
from semreg.data.summary import lines
from semreg.report.formatting import duration
from semreg.store.disk import read_object
from semreg.store.layout import RECORD
from semreg.store.messages import MESSAGES
from semreg.store.notebook import NotebookOutput

if TYPE_CHECKING:
    from semreg.core import Result

_BAR = 20  # characters
_SECONDS_BETWEEN_UPDATES = 0.25
_SECONDS_BETWEEN_LINES = 30


class ProgressBar:
    """The hook that shows a run's progress on `console`, by default standard error."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=MESSAGES, highlight=False)
        self._notebook = NotebookOutput() if self._console.is_jupyter else None
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._figures = self._speed = ""
        self._next_update = 0.0
        self._started: tuple[float, int] | None = None

    @hookimpl
    def run_started(self, run: ObservedRun) -> None:
        record = read_object(run.folder / RECORD) or {}
        data = {} if record.get("trained") else record.get("data") or {}
        for line in lines(data["fields"], data["counts"], data["taken"]) if "taken" in data else ():
            self._print(printable(line))

    @hookimpl
    def phase_started(self, run: ObservedRun, phase: str) -> None:
        self._stop()
        self._figures, self._speed, self._next_update, self._started = "", "", 0.0, None

    @hookimpl
    def iteration_done(self, run: ObservedRun, progress: PhaseProgress) -> None:
        now = time.monotonic()
        last = progress.iteration >= progress.iterations
        if self._started is None:
            self._started = (now, progress.iteration)
        if progress.losses is not None:
            self._figures = printable("  ".join(f"{name} {value:.3g}" for name, value in progress.losses.items()))
        if progress.images_per_second is not None:
            self._speed = f"{progress.images_per_second:.0f} img/s"
        if now < self._next_update and not last:
            return
        if self._notebook or self._console.is_terminal:
            self._next_update = now + _SECONDS_BETWEEN_UPDATES
            self._draw(progress, now)
            if last:
                self._stop()
        else:
            self._next_update = now + _SECONDS_BETWEEN_LINES
            self._print(f"{_epochs(progress)}  {self._text(progress, now)}".rstrip())

    @hookimpl
    def evaluation_started(self, run: ObservedRun, name: str) -> None:
        self._stop()  # a judge that is trained meanwhile draws a bar of its own
        self._print(f"evaluating {printable(name)}")

    @hookimpl
    def evaluation_done(self, run: ObservedRun, name: str, result: Result) -> None:
        self._stop()
        if result.summary:
            self._print(printable(result.summary))

    @hookimpl
    def run_finished(self, run: ObservedRun) -> None:
        self._stop()

    @hookimpl
    def run_stopped(self, run: ObservedRun) -> None:
        self._stop()

    def _print(self, line: str) -> None:
        if self._notebook:
            self._notebook.line(line)
        else:
            self._console.print(line, markup=False, soft_wrap=True)

    def _draw(self, progress: PhaseProgress, now: float) -> None:
        if self._notebook:
            text = f"{_epochs(progress)}  {self._text(progress, now)}".rstrip()
            self._notebook.bar(progress.iteration, progress.iterations, text)
            return
        if self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(_BAR), TextColumn("{task.fields[text]}"))
            self._bar = Progress(*columns, console=self._console, auto_refresh=False)
            self._task = self._bar.add_task("", total=progress.iterations, text="")
            self._bar.start()
        description, text = _epochs(progress), self._text(progress, now)
        room = self._console.width - len(description) - _BAR - 3  # what is too long would squeeze the bar
        text = text if len(text) <= room else f"{text[: max(0, room - 1)]}…"
        self._bar.update(
            self._task, completed=progress.iteration, description=escape(description), text=escape(text), refresh=True
        )

    def _text(self, progress: PhaseProgress, now: float) -> str:
        return "  ".join(part for part in (self._left(progress, now), self._speed, self._figures) if part)

    def _left(self, progress: PhaseProgress, now: float) -> str:
        """Return the time left at this process's pace so far; nothing if it is unknown."""
        start, first = self._started or (now, progress.iteration)
        done, to_do = progress.iteration - first, progress.iterations - progress.iteration
        return f"{duration((now - start) / done * to_do)} left" if done and to_do else ""

    def _stop(self) -> None:
        if self._notebook:
            self._notebook.end_bar()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _epochs(progress: PhaseProgress) -> str:
    return f"{printable(progress.phase):<14} {progress.epoch}/{progress.epochs}"
