"""Fixtures that train runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import semreg
from semreg.trained.run import Run
from semreg.training.phase import PhaseRunner


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
