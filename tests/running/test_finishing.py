"""The end of a run: what is told when it ends early, and what is put back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.core import plugin_manager
from semreg.core.errors import ComponentError
from semreg.running import finishing
from semreg.store.folder import RunFolder
from semreg.trained.run import Run
from semreg.training.trainer import Trainer
from tests.running.conftest import read

Toy = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("no_hooks")


def test_that_the_command_goes_on_is_said_once_where_a_judge_is_trained_within_a_run(tmp_path: Path) -> None:
    run, judge = (RunFolder(tmp_path / name, name) for name in ("run", "judge"))
    for folder in (run, judge):
        folder.folder.mkdir()
    with (
        pytest.raises(KeyboardInterrupt) as interrupted,
        finishing.telling(run, plugin_manager.no_hooks()),
        finishing.telling(judge, plugin_manager.no_hooks()),
    ):
        raise KeyboardInterrupt("terminated")
    said = str(interrupted.value)
    assert said == f"{run.folder}: {judge.folder}: terminated; {finishing.GO_ON}"
    assert read(judge.folder, "status.json")["message"] == f"terminated; {finishing.GO_ON}"


@pytest.mark.parametrize("flushed", [False, True])
def test_denormals_are_flushed_while_it_runs_and_then_as_before(
    flushed: bool, toy: Toy, trained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denormal() -> float:
        return float(torch.tensor(1e-39) * 1)

    seen: list[float] = []
    train = Trainer.train

    def watched(trainer: Any) -> None:
        seen.append(denormal())
        train(trainer)

    monkeypatch.setattr(Trainer, "train", watched)
    torch.set_flush_denormal(flushed)
    try:
        trained(toy())
        assert seen == [0]
        assert (denormal() == 0) == flushed
    finally:
        torch.set_flush_denormal(False)


class BareError(BaseException):
    """Caught by nobody who catches exceptions."""


@pytest.mark.parametrize(
    ("error", "said"), [(SystemExit(0), "a component called sys.exit(0)"), (BareError("b"), "failed: BareError: b")]
)
def test_what_would_end_the_process_is_told_as_a_components(error: BaseException, said: str, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", "run")
    run.folder.mkdir()
    with pytest.raises(ComponentError) as told, finishing.telling(run, plugin_manager.no_hooks()):
        raise error
    assert said in str(told.value)
    assert read(run.folder, "status.json")["state"] == "failed"
