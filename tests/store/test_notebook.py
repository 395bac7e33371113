"""A run in a notebook writes one output, which is put anew, and ends without a bar."""

from __future__ import annotations

import sys
from io import StringIO
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from semreg.core import Result
from semreg.core.hookspecs import Progress
from semreg.running import progress
from semreg.running.progress import ProgressBar
from semreg.store.notebook import NotebookOutput
from tests.running.test_progress import Run


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, str]]]:
    """The outputs of a cell, each with what it held one after another; a stand-in for IPython's."""
    found: list[list[dict[str, str]]] = []

    class Shown:
        def __init__(self) -> None:
            found.append([])
            self._own = found[-1]

        def update(self, content: dict[str, str], *, raw: bool) -> None:
            assert raw
            self._own.append(content)

    def display(content: dict[str, str], *, raw: bool, display_id: bool) -> Shown:
        assert display_id
        shown = Shown()
        shown.update(content, raw=raw)
        return shown

    module: Any = ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return found


def test_a_run_has_one_output(outputs: list[list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(10_000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds) * 1.0)
    elsewhere = StringIO()
    bar = ProgressBar(Console(file=elsewhere, force_jupyter=True))
    for phase in ("first", "second"):
        bar.phase_started(Run(), phase)
        for iteration in range(1, 11):
            bar.iteration_done(Run(), Progress(phase, 1, 1, iteration, 10, {"<b>rec": 0.5}, 211.4))
    bar.evaluation_started(Run(), "probe")
    bar.evaluation_done(Run(), "probe", Result(summary="accuracy <1>"))
    bar.run_finished(Run())
    [states] = outputs
    assert 20 <= len(states) <= 30
    during, last = states[3], states[-1]
    assert '<progress value="4" max="10"></progress> first' in during["text/html"]
    assert "6s left  211 img/s  &lt;b&gt;rec 0.5" in during["text/html"]
    assert "<progress" not in last["text/html"]
    assert "accuracy &lt;1&gt;" in last["text/html"]
    assert last["text/plain"].splitlines() == [
        "first          1/1  211 img/s  <b>rec 0.5",
        "second         1/1  211 img/s  <b>rec 0.5",
        "evaluating probe",
        "accuracy <1>",
    ]
    assert not elsewhere.getvalue()


def test_a_run_that_ends_early_leaves_no_bar(outputs: list[list[dict[str, str]]]) -> None:
    bar = ProgressBar(Console(file=StringIO(), force_jupyter=True))
    bar.iteration_done(Run(), Progress("main", 1, 1, 1, 10))
    bar.run_stopped(Run())
    assert "<progress" in outputs[0][0]["text/html"]
    assert "<progress" not in outputs[0][-1]["text/html"]


def test_what_is_counted_is_a_bar_and_then_a_line(
    outputs: list[list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([1.0, 1.0, 1.01, 2.0, 2.0])
    monkeypatch.setattr("semreg.store.notebook.time.monotonic", lambda: next(seconds))
    advance = NotebookOutput().counting("reading images", 2000)
    for more in (500, 500, 500, 500):
        advance(more)
    [states] = outputs
    assert [state["text/plain"] for state in states] == [
        f"reading images {done}/2,000" for done in ("500", "1,500", "2,000")
    ]
    assert ["<progress" in state["text/html"] for state in states] == [True, True, False]
