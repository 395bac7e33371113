"""The kit finds what is wrong with hooks, and says so by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest
import torch

from semreg.core import ObservedRun, TrainedRun
from semreg.core.hookspecs import Progress, Section, hookimpl
from semreg.running.progress import ProgressBar
from semreg.testing import FakeRun, check_hook


class Good:
    """Counts epochs in a file of the run."""

    @hookimpl
    def iteration_done(self, run: ObservedRun, progress: Progress) -> None:
        if progress.losses is not None:
            with (run.folder / "epochs.txt").open("a") as file:
                file.write(f"{progress.phase} {progress.epoch}\n")

    @hookimpl
    def run_finished(self, run: ObservedRun) -> None:
        assert (run.folder / "epochs.txt").read_text() == "first 1\nfirst 2\nsecond 1\nsecond 2\n"
        run.warn("finished")

    @hookimpl
    def statistics(self, trained: TrainedRun) -> Any:
        return {"mine": {"mean": trained.tensor("z").read("train").mean(0)}}

    @hookimpl
    def report_sections(self, run: ObservedRun) -> list[Section]:
        path = run.folder / "epochs.txt"
        return [Section("Epochs", path.read_text())] if path.exists() else []


def faulty(event: str, function: Callable[..., Any]) -> type:
    return type("Faulty", (), {"__doc__": "Does something wrong.", event: hookimpl(function)})


def silent() -> type:
    return type("Silent", (), {"__doc__": "Listens to nothing.", "run_started": lambda self: None})


def fail_in_a_new_process() -> type:
    hook = faulty("run_started", lambda self, run: setattr(self, "epochs", []))
    hook.report_sections = hookimpl(lambda self, run: [Section(str(self.epochs))])  # type: ignore[attr-defined]
    return hook


def add_to_codes(self: Any, trained: Any) -> None:
    trained.tensor("z").read("train").add_(1)


def grow(self: Any, run: ObservedRun) -> list[Section]:
    path = run.folder / "asked.txt"
    path.write_text(path.read_text() + "again " if path.exists() else "once ")
    return [Section(path.read_text())]


def test_what_is_right_passes() -> None:
    check_hook(Good)
    check_hook(Good())
    check_hook(ProgressBar)


def test_a_module_is_a_hook_too() -> None:
    module = ModuleType("listening", "Listens.")
    module.run_started = hookimpl(lambda run: None)  # type: ignore[attr-defined]
    check_hook(module)


@pytest.mark.parametrize(
    ("hook", "failing", "words"),
    [
        (silent(), "events", "hookimpl"),
        (faulty("run_strated", lambda self: None), "events", "run_strated is not an event of semreg"),
        (faulty("run_started", lambda self, recipe: None), "events", "recipe"),
        (
            faulty("iteration_done", lambda self, progress: progress.losses["rec"]),
            "run",
            "in iteration_done and",
        ),
        (faulty("run_stopped", lambda self, error: 1 / 0), "run", "in run_stopped and is switched off: ZeroDivision"),
        (faulty("statistics", lambda self, trained: {"mine": 1.0}), "run", "'mine' is not tensors by name"),
        (faulty("report_sections", lambda self, run: "text"), "report", "a str where a Section is wanted"),
        (fail_in_a_new_process(), "report", "has no attribute 'epochs'"),
        (faulty("report_sections", grow), "report", "made twice, its sections differ"),
        (faulty("statistics", add_to_codes), "inputs kept", "tensor 0 of the inputs was changed in place"),
        (faulty("run_started", lambda self: torch.rand(1) and None), "inputs kept", "draws from a global generator"),
        (
            faulty("run_started", lambda self: numpy.random.rand() and None),
            "inputs kept",
            "draws from a global generator",
        ),
        (type("Undocumented", (), {"run_started": Good.report_sections}), "documentation", "there is no docstring"),
    ],
)
def test_each_fault_is_found(hook: type, failing: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words) as raised:
        check_hook(hook)
    assert failing in str(raised.value)


def test_what_is_kept_is_told_of_the_run_that_is_given() -> None:
    seen: list[Path] = []
    run = FakeRun(tensors={"marks": {"train": torch.zeros(3)}}, functions={}, fields={})
    check_hook(faulty("statistics", lambda self, trained: seen.append(trained.tensor("marks").run.folder)), run)
    assert seen
    assert run.folder == Path("fake_run"), "a copy of the run is in a new folder"
