"""An executor whose processes know what this one has registered, as no other's do."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from multiprocessing import forkserver
from typing import Any, Literal

import pytest

from semreg.core import Needs
from semreg.tables import making

FORK = multiprocessing.get_context("fork")


def _work(arguments: Sequence[str], environment: Mapping[str, str], log: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number, stream in ((1, "stdout"), (2, "stderr")):
        os.dup2(descriptor, number)
        setattr(sys, stream, os.fdopen(number, "w", buffering=1, closefd=False))
    sys.argv = ["semreg", *arguments]
    runpy.run_module("semreg", run_name="__main__")


class Forked:
    """Forks this process for each trial."""

    slots, needs = 2, Needs(threads=1)
    submitted: list[list[str]] = []  # noqa: RUF012  of all that are made, for tests to look at

    def __init__(self, words: str = "", *, gpu: float | None = 0.0) -> None:
        self.slots = int(words or 2)

    def submit(self, arguments: Sequence[str], needs: Needs) -> ForkedJob:
        self.submitted.append(list(arguments))
        process = FORK.Process(target=_work, args=(arguments, needs.environment, str(needs.log)))
        process.start()
        return ForkedJob(process)


class ForkedJob:
    def __init__(self, process: Any) -> None:
        self.process = process

    def state(self) -> Literal["running", "ended"]:
        return "running" if self.process.is_alive() else "ended"

    def cancel(self) -> None:
        self.process.terminate()


@pytest.fixture
def forked(register: Callable[[str, str, Any], None], monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Registers the executor `forked`, which can make what is registered; the arguments that it is given."""
    import_module("torch._dynamo")  # else each process would, which takes a second
    register("executor", "forked", Forked)
    monkeypatch.setattr(making, "require_elsewhere", lambda executor, trials, on: None)
    monkeypatch.setattr(Forked, "submitted", [])
    return Forked.submitted


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """An executor of this machine starts its server no sooner than it submits: tests of its slots need none."""
    monkeypatch.setattr(forkserver, "ensure_running", lambda: None)
