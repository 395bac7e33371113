"""What hooks keep of a run for its use, once it is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pluggy
import pytest
import torch
from torch import Tensor

import semreg
from semreg.core import plugin_manager
from semreg.core.hookspecs import hookimpl
from semreg.trained.run import Run
from tests.running.conftest import read

Toy = Callable[..., Path]


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`hooks(a, b)` are the functions that answer the event `statistics`, the first of them first."""

    def hooks(*answers: Callable[[Run], Any]) -> None:
        def manager(warn: Callable[[str], None]) -> pluggy.PluginManager:
            found = plugin_manager.no_hooks()
            for number, answer in reversed(list(enumerate(answers))):

                class Keeper:
                    @hookimpl
                    def statistics(self, trained: Run, answer: Any = answer) -> Any:
                        return answer(trained)

                plugin_manager.add_plugin(found, Keeper, f"keeper {number}")
            return found

        monkeypatch.setattr(plugin_manager, "load_hooks", manager)

    return hooks


def mean(trained: Run) -> Mapping[str, Mapping[str, Tensor]]:
    return {"mine": {"mean": trained.tensor("z").read("train").mean(0)}}


def test_they_are_asked_for_once_and_kept_with_the_run(
    toy: Toy, trained: Callable[..., Run], hooks: Callable[..., None]
) -> None:
    asked: list[Run] = []
    hooks(lambda run: asked.append(run) or mean(run))
    run = trained(toy())
    expected = run.tensor("z").read("train").mean(0)
    trained(toy())
    assert len(asked) == 1
    opened = semreg.open_run(run.folder, data_root=run.folder / "nowhere", device="cpu")
    assert torch.equal(opened.statistics["mine"]["mean"], expected)


def test_of_two_of_one_name_the_first_is_kept_and_what_is_no_tensor_is_told(
    toy: Toy, trained: Callable[..., Run], hooks: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    hooks(mean, lambda run: {"mine": {"mean": torch.zeros(2)}}, lambda run: {"theirs": 3}, lambda run: None)
    run = trained(toy())
    assert run.statistics.keys() == {"mine"}
    assert run.statistics["mine"]["mean"].abs().sum() > 0
    said = capsys.readouterr().err
    assert "two hooks keep statistics as 'mine'; semreg keeps those of the first" in said
    assert "failed in statistics and is switched off: " in said
    assert "what it returned for 'theirs' is not tensors by name" in said


def test_one_that_fails_costs_itself_alone(
    toy: Toy, trained: Callable[..., Run], hooks: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(run: Run) -> Any:
        raise RuntimeError("no mood")

    hooks(failing, mean)
    run = trained(toy())
    assert run.statistics.keys() == {"mine"}
    assert "failed in statistics and is switched off: RuntimeError: no mood" in capsys.readouterr().err
    assert read(run.folder, "status.json")["state"] == "finished"
