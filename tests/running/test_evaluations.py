"""Evaluations of a run: their inputs, what is filled in, what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import semreg
from semreg.core import Result, UserError, plugin_manager
from semreg.core.errors import CannotWrite
from semreg.core.hookspecs import hookimpl
from semreg.store.folder import RunFolder
from semreg.trained.run import Run, TensorHandle
from semreg.training.phase import PhaseRunner
from tests.running.conftest import read

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]

pytestmark = pytest.mark.usefixtures("no_hooks")


def test_inputs_are_handles_of_tensors_and_fields_and_modules_themselves(
    toy: Toy, register: Register, tmp_path: Path
) -> None:
    seen: list[Any] = []

    def looking(
        code: TensorHandle, kind: TensorHandle, module: nn.Module, *, strength: float = 1.0, names: list[str]
    ) -> Result:
        seen.extend([code, kind, module, strength, names])
        assert not torch.is_grad_enabled() or not any(p.requires_grad for p in module.parameters())
        return Result(figures={"x": 1.0})

    register("evaluation", "looking", looking)
    path = toy('[evaluate.look]\nuse = "looking(z, kind, decoder)"\nstrength = 2.0\nnames = "@kind.names"')
    run = semreg.run(path, out=tmp_path, device="cpu")
    code, kind, module, strength, names = seen
    assert (code.name, kind.name) == ("z", "kind")
    assert kind.field == run.plan.fields["kind"]
    assert module is run.modules["decoder"]
    assert not module.training
    assert (strength, names) == (2.0, ["a", "b", "c"])


def test_the_generator_depends_on_the_runs_seed_and_the_evaluations_name(
    toy: Toy, register: Register, tmp_path: Path
) -> None:
    drawn: list[float] = []

    def drawing(code: TensorHandle, *, generator: torch.Generator) -> Result:
        drawn.append(float(torch.rand((), generator=generator)))
        return Result()

    register("evaluation", "drawing", drawing)
    path = toy('[evaluate.a]\nuse = "drawing(z)"\n[evaluate.b]\nuse = "drawing(z)"')
    for seed, out in ((0, "x"), (0, "y"), (1, "x")):
        semreg.run(path, out=tmp_path / out, device="cpu", seed=seed)
    assert drawn[:2] == drawn[2:4]
    assert len(set(drawn)) == 4


def test_what_is_no_result_is_refused_by_name(toy: Toy, register: Register, tmp_path: Path) -> None:
    def shrugging(code: TensorHandle) -> Any:
        return {"x": 1}

    register("evaluation", "shrugging", shrugging)
    with pytest.raises(UserError, match="evaluation 'shrug' returned a dict, not a Result"):
        semreg.run(toy('[evaluate.shrug]\nuse = "shrugging(z)"'), out=tmp_path, device="cpu")


def test_a_value_error_is_told_with_the_evaluations_name(toy: Toy, register: Register, tmp_path: Path) -> None:
    def demanding(code: TensorHandle) -> Result:
        raise ValueError("no image has the label 'bald'")

    register("evaluation", "demanding", demanding)
    with pytest.raises(UserError, match="evaluation 'demand': no image has the label 'bald'"):
        semreg.run(toy('[evaluate.demand]\nuse = "demanding(z)"'), out=tmp_path, device="cpu")


def test_an_evaluation_that_fails_leaves_a_run_that_goes_on_there(
    toy: Toy, trained: Callable[..., Run], register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = True

    def moody(code: Any) -> Result:
        if broken:
            raise ValueError("no mood")
        return Result(figures={"mood": 1.0})

    register("evaluation", "moody", moody)
    path = toy('[evaluate.mood]\nuse = "moody(z)"')
    with pytest.raises(UserError, match="evaluation 'mood': no mood") as refused:
        trained(path)
    assert read(Path(refused.value.source), "status.json")["state"] == "failed"
    broken = False
    monkeypatch.setattr(PhaseRunner, "iterate", None)
    assert read(trained(path).folder, "status.json")["state"] == "finished"


def test_a_full_disk_does_not_hide_why_a_run_failed(
    toy: Toy, trained: Callable[..., Run], register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise CannotWrite("here", "no room")

    class Full:
        run_stopped = hookimpl(full)

    def moody(code: Any) -> Result:
        monkeypatch.setattr(RunFolder, "write_json", full)
        raise ValueError("no mood")

    def with_listener(warn: Callable[[str], None]) -> Any:
        manager = plugin_manager.no_hooks()
        manager.register(Full())
        return manager

    monkeypatch.setattr(plugin_manager, "load_hooks", with_listener)
    register("evaluation", "moody", moody)
    with pytest.raises(UserError, match="evaluation 'mood': no mood"):
        trained(toy('[evaluate.mood]\nuse = "moody(z)"'))


def test_evaluations_that_were_done_are_told_again_when_a_run_resumes(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that did them may have been killed before it told of them."""
    told: list[str] = []

    class Listener:
        @hookimpl
        def evaluation_done(self, name: str) -> None:
            told.append(name)
            if len(told) == 1:
                raise KeyboardInterrupt

    def with_listener(warn: Callable[[str], None]) -> Any:
        manager = plugin_manager.no_hooks()
        manager.register(Listener())
        return manager

    monkeypatch.setattr(plugin_manager, "load_hooks", with_listener)
    path = toy('[evaluate.first]\nuse = "measured(z)"\n[evaluate.second]\nuse = "measured(z)"')
    with pytest.raises(KeyboardInterrupt):
        trained(path)
    trained(path)
    assert told == ["first", "first", "second"]
    assert len(evaluations) == 2
