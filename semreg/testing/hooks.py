"""Checks of hooks, which listen to the events of a run."""

from __future__ import annotations

import copy
import random
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from semreg.components.values import tensors_of
from semreg.core import ClassField, Result, Roles
from semreg.core.hookspecs import Progress
from semreg.core.plugin_manager import add_plugin, call, no_hooks
from semreg.report.page import as_sections
from semreg.store.statistics import packed
from semreg.testing.behaviour import check_inputs_kept
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_documentation
from semreg.testing.runs import FakeObservedRun, FakeRun

ACCEPT: dict[str, Callable[[Any], Any]] = {"statistics": packed, "report_sections": as_sections}
"""How a run converts the results of hooks; it ignores the results of other events."""


def check_hook(hook: Any, run: FakeRun | None = None, *, exempt: Collection[str] = ()) -> None:
    """Check a hook: it observes a run that stops, resumes and finishes, and leaves everything unchanged.

    Checks: "documentation", "events" (it listens to at least one, only to those of `semreg.core.hookspecs`, and wraps
    none), "run" (no event fails, in a process that trains the first epoch or in one that resumes at the second; last
    events may repeat), "report" (the sections are the same each time and come only from a run's folder, even if the
    hook has not observed the run) and "inputs kept" (tensors and modules, and the generators of PyTorch, NumPy and
    Python, since draws would change the training).

    Args:
        hook: the object that the entry point names: a class, instantiated for each process, an object or a module.
        run: the run that it receives as `trained`, and as `run` in a new folder; by default one with a field of
            classes,
            `kind`, and its code `z`.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    run = run or _small_run()
    checks = Checks(getattr(hook, "__name__", type(hook).__name__), exempt)
    checks.run("documentation", check_documentation, hook)
    checks.run("events", lambda: add_plugin(no_hooks(), hook, "it"))
    checks.run("run", _check_run, hook, run)
    checks.run("report", _check_report, hook, run)
    checks.run("inputs kept", _check_kept, hook, run)
    checks.end()


class _Process:
    """A process that sends a hook the events of a run."""

    def __init__(self, hook: Any, run: FakeObservedRun) -> None:
        self.manager, self.run = no_hooks(), run
        add_plugin(self.manager, hook, "it")

    def tell(self, event: str, **arguments: Any) -> list[Any]:
        """Return the hook's results. Raises AssertionError if it fails: a run would warn and remove it."""
        accept = ACCEPT.get(event, lambda value: value)
        returned = call(self.manager, event, accept=accept, run=self.run, **arguments)
        require(bool(self.manager.get_plugins()), self.run.warnings[-1] if self.run.warnings else "")
        return returned

    def train(self, phase: str, epochs: Collection[int]) -> None:
        """Send the events of a phase of two epochs of two iterations."""
        self.tell("phase_started", phase=phase)
        for epoch in epochs:
            self.tell("iteration_done", progress=Progress(phase, epoch, 2, 2 * epoch - 1, 4))
            losses = {f"loss of {phase}": 1.0 / epoch}
            self.tell("iteration_done", progress=Progress(phase, epoch, 2, 2 * epoch, 4, losses, 100.0))
            path = self.run.folder / f"{phase}-{epoch}.pt"
            path.write_bytes(b"weights")
            self.tell("checkpoint_written", path=path)
        if 2 in epochs:
            self.tell("phase_finished", phase=phase, epoch=2)

    def finish(self) -> None:
        """Send the events of an evaluation and of the end."""
        self.tell("evaluation_started", name="probe")
        self.tell("evaluation_done", name="probe", result=Result(figures={"accuracy": 0.5}, summary="accuracy 0.5"))
        self.tell("run_finished")
        self.tell("report_written")


def _told(hook: Any, run: FakeObservedRun, trained: FakeRun) -> None:
    """Send the events of a run that one process starts, another trains to its end, and a third finishes once more."""
    first = _Process(hook, run)
    first.tell("run_started")
    first.train("first", (1, 2))
    first.train("second", (1,))
    first.tell("run_stopped", error=KeyboardInterrupt("interrupted"))
    second = _Process(hook, run)
    second.tell("run_started")
    second.train("second", (2,))
    second.tell("statistics", trained=trained)
    second.finish()
    third = _Process(hook, run)
    third.tell("run_started")
    third.finish()


@contextmanager
def _in_new_folder(run: FakeRun) -> Iterator[tuple[FakeObservedRun, FakeRun]]:
    with tempfile.TemporaryDirectory() as folder:
        trained = copy.copy(run)
        trained.folder = Path(folder)
        yield FakeObservedRun(trained.folder, trained), trained


def _check_run(hook: Any, run: FakeRun) -> None:
    with _in_new_folder(run) as (observed, trained):
        _told(hook, observed, trained)


def _check_report(hook: Any, run: FakeRun) -> None:
    with _in_new_folder(run) as (observed, trained):
        _Process(hook, observed).tell("report_sections")
        _told(hook, observed, trained)
        first, second = (_Process(hook, observed).tell("report_sections") for _ in range(2))
    require(first == second, f"made twice, its sections differ: {str(first)[:200]} and {str(second)[:200]}")


def _check_kept(hook: Any, run: FakeRun) -> None:
    def generators() -> str:
        drawn = np.random.get_state(legacy=False)["state"]
        return str([torch.get_rng_state().tolist(), drawn["key"].tolist(), drawn["pos"], random.getstate()])

    before = generators()
    given = tuple(tensor for splits in run.tensors.values() for tensor in tensors_of(tuple(splits.values())))
    check_inputs_kept(lambda _: _check_run(hook, run), (*given, *run.modules.values()))
    require(generators() == before, "it draws from a global generator, which changes what is trained")


def _small_run() -> FakeRun:
    codes = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(12) % 3
    return FakeRun(
        tensors={"z": {"train": codes, "test": codes}, "kind": {"train": labels, "test": labels}},
        functions={},
        fields={"kind": ClassField(("a", "b", "c"))},
        roles=Roles(code=("z",), attributes={"kind": "z"}),
    )
