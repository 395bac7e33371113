"""Fixtures that train runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import Result
from semreg.store.recipes import evaluations_of
from semreg.trained.run import Run
from semreg.training.phase import PhaseRunner

Register = Callable[[str, str, Any], None]

FALLBACK = """
[data]
missing = true
[fallback.data]
missing = false
count = 36
"""
"""Data that are missing, and others."""
LATER = "[phases.later]\nepochs = 1\ntrain = { decoder = { rec = 1 } }"
"""A second phase."""


def read(folder: Path, name: str) -> Any:
    """A file of JSON in a run's folder."""
    return json.loads((folder / name).read_text())


def result_of(run: Run, evaluation: str) -> Any:
    """What an evaluation of a run left, as JSON."""
    return read(evaluations_of(run.folder, run.plan.name)[evaluation], "result.json")


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., Run]:
    """`trained(path, "key=value", ..., seed=1)` runs a recipe into `tmp_path / "runs"`."""

    def trained(path: Path, *overrides: str, **choices: Any) -> Run:
        return semreg.run(path, overrides=overrides, **{"out": tmp_path / "runs", "device": "cpu", **choices})

    return trained


@pytest.fixture
def stopped(trained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`stopped(path)` runs a recipe and interrupts it where its phase `later` begins."""

    def stopped(path: Path, **choices: Any) -> None:
        iterate = PhaseRunner.iterate

        def interrupted(self: PhaseRunner, iteration: int) -> None:
            if self.phase.name == "later":
                raise KeyboardInterrupt
            iterate(self, iteration)

        with monkeypatch.context() as patch:
            patch.setattr(PhaseRunner, "iterate", interrupted)
            with pytest.raises(KeyboardInterrupt):
                trained(path, **choices)

    return stopped


@pytest.fixture
def evaluations(register: Register) -> list[Any]:
    """What the evaluations `measured` drew and the judges that `judged` was given, one after the other."""
    calls: list[Any] = []

    def measured(code: Any, *, scale: float = 1.0, generator: torch.Generator) -> Result:
        calls.append(float(torch.rand((), generator=generator)))
        return Result(figures={"mean": scale * float(code.read("test").mean())})

    def judged(image: Any, *, judge: Run) -> Result:
        calls.append(judge)
        return Result(figures={"seen": float(judge.tensor("told").given(image=image.read("test")).mean())})

    register("evaluation", "measured", measured)
    register("evaluation", "judged", judged)
    return calls
