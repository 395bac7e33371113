"""Evaluations of a run: their inputs, what is filled in, what goes wrong."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn

import semreg
from semreg.components.priors import StandardNormal
from semreg.core import Picture, Result, Table, UserError, plugin_manager
from semreg.core.errors import CannotWrite
from semreg.core.hookspecs import hookimpl
from semreg.store.folder import RunFolder
from semreg.store.recipes import failures_of
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


def test_what_is_no_result_is_refused_by_name(
    toy: Toy, register: Register, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def shrugging(code: TensorHandle) -> Any:
        return {"x": 1}

    register("evaluation", "shrugging", shrugging)
    semreg.run(toy('[evaluate.shrug]\nuse = "shrugging(z)"'), out=tmp_path, device="cpu")
    said = "evaluation 'shrug' failed: it returned a dict, not a Result (this process)"
    assert said in capsys.readouterr().err


class OddError(Exception):
    """What nobody expects."""


class BareError(BaseException):
    """Caught by nobody who catches exceptions."""


class MuteError(Exception):
    """What can't be said."""

    def __str__(self) -> str:
        raise SystemExit(0)


def _endless(folder: int = 0) -> None:
    _endless(folder + 1)


FAILURES: dict[str, tuple[Callable[[], Any], str]] = {
    "value": (lambda: _raise(ValueError("no image has the label 'bald'")), "no image has the label 'bald' ("),
    "user": (lambda: _raise(UserError("data", "gone")), "gone ("),
    "odd": (lambda: _raise(OddError("a")), "OddError: a (this process, test_evaluations.py line "),
    "exit": (lambda: sys.exit(0), "it called sys.exit(0) ("),
    "memory": (lambda: _raise(torch.OutOfMemoryError("CUDA out of memory")), "memory ran out; all that is trained is"),
    "deep": (_endless, "maximum recursion depth exceeded (this process, test_evaluations.py line "),
    "figure": (lambda: Result({"x": cast("float", "y")}), "figures.x"),
    "outcomes": (lambda: Result(outcomes={"x": cast("list[bool]", [0.5])}), "outcomes.x"),
    "table": (lambda: Result(tables=[Table("t", ["a"], [[cast("str", object())]])]), "it holds an object of object"),
    "picture": (lambda: Result(pictures=[Picture("p", b"no picture")]), "pictures"),
    "bare": (lambda: _raise(BareError("b")), "BareError: b (this process, test_evaluations.py line "),
    "closed": (lambda: _raise(GeneratorExit()), "GeneratorExit:  (this process, "),
    "mute": (lambda: _raise(MuteError()), "MuteError:  (this process, "),
    "none": (lambda: None, "it returned a NoneType, not a Result ("),
}


def _raise(error: BaseException) -> None:
    raise error


def test_one_that_fails_costs_itself_and_is_tried_again(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], register: Register, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    broken = True

    def failing(code: Any, *, how: str) -> Any:
        return FAILURES[how][0]() if broken else Result({"mood": 1.0})

    register("evaluation", "failing", failing)
    texts = [f'[evaluate.{how}]\nuse = "failing(z)"\nhow = "{how}"' for how in FAILURES]
    path = toy("\n".join([*texts, '[evaluate.whole]\nuse = "measured(z)"']))
    run = trained(path)
    said = capsys.readouterr().err
    failures = failures_of(run.folder, "recipe")
    for how, (_, message) in FAILURES.items():
        assert f"evaluation {how!r} failed: " in said
        assert message in failures[how], how
    assert read(run.folder, "status.json")["state"] == "finished"
    assert read(run.folder, "status.json")["failed"] == list(FAILURES)
    assert len(evaluations) == 1
    assert not list((run.folder / "evaluations").glob(".*"))
    monkeypatch.setattr(PhaseRunner, "iterate", None)
    trained(path)
    assert capsys.readouterr().err.count("failed: ") == len(FAILURES), "each is tried again"
    broken = False
    trained(path)
    assert failures_of(run.folder, "recipe") == {}
    assert "failed" not in read(run.folder, "status.json")
    assert len(evaluations) == 1


def test_of_a_full_disk_the_run_ends(
    toy: Toy, trained: Callable[..., Run], register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise CannotWrite("here", "no room")

    def filling(code: Any) -> Result:
        monkeypatch.setattr(RunFolder, "write_json", full)
        full()
        return Result()

    class Full:
        run_stopped = hookimpl(full)

    def with_listener(warn: Callable[[str], None]) -> Any:
        manager = plugin_manager.no_hooks()
        manager.register(Full())
        return manager

    monkeypatch.setattr(plugin_manager, "load_hooks", with_listener)
    register("evaluation", "filling", filling)
    with pytest.raises(CannotWrite, match="here: no room"):
        trained(toy('[evaluate.fill]\nuse = "filling(z)"'))


# --- what is known before training ---


def test_what_an_evaluation_knows_before_is_said_before_training(
    toy: Toy, trained: Callable[..., Run], register: Register, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Any] = []

    def knowing(code: Any, label: TensorHandle, *, count: int = 3, share: float = 0.5) -> Result:
        return Result()

    def known(code: Any, label: TensorHandle, *, count: int, share: float) -> None:
        seen.append((label.name, count, share))
        if count > len(label.read("test")):
            raise ValueError(f"count is {count}, and there are {len(label.read('test'))} test images")

    cast("Any", knowing).before_training = known
    register("evaluation", "knowing", knowing)
    path = toy('[evaluate.one]\nuse = "knowing(z, kind)"\n[evaluate.two]\nuse = "knowing(z, kind)"\ncount = 50')
    with pytest.raises(UserError) as refused:
        trained(path)
    assert [(one.where, one.message) for one in refused.value.problems] == [
        ("evaluate.two", "count is 50, and there are 12 test images")
    ]
    assert seen == [("kind", 3, 0.5), ("kind", 50, 0.5)]
    assert not (tmp_path / "runs").exists()
    assert trained(path, "evaluate.two.count=12").folder.is_dir()


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


@pytest.mark.parametrize("error", [KeyError("k"), SystemExit(0), BareError()])
def test_one_that_fails_before_training_is_named(
    error: BaseException, toy: Toy, trained: Callable[..., Run], register: Register, tmp_path: Path
) -> None:
    def odd(code: Any) -> Result:
        return Result()

    cast("Any", odd).before_training = lambda code: _raise(error)
    register("evaluation", "odd", odd)
    with pytest.raises(UserError, match=r"evaluate\.one  odd \(this process\) (failed|called)"):
        trained(toy('[evaluate.one]\nuse = "odd(z)"'))
    assert not (tmp_path / "runs").exists()


def test_a_papers_figures_are_kept_beside_ours_and_strange_ones_said(
    toy: Toy, register: Register, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register("evaluation", "known", lambda code: Result(figures={"accuracy": 0.5}, paper={"accuracy": 0.1}))
    paper = "paper = {{ data = {}, accuracy = 0.75, acuracy = 0.5 }}"
    text = "".join(
        f'[evaluate.{name}]\nuse = "known(z)"\n{paper.format(data)}\n'
        for name, data in (("own", '"toy"'), ("elsewhere", '"mnist"'))
    )
    run = semreg.run(toy(text), out=tmp_path, device="cpu")
    papers = {name: result.paper for name in ("own", "elsewhere") if (result := run.result(name))}
    assert papers == {"own": {"accuracy": 0.75}, "elsewhere": {"accuracy": 0.1}}
    said = "evaluation 'own' has no figure 'acuracy' beside the paper's; did you mean 'accuracy'?"
    assert capsys.readouterr().err.count(said) == 1


def test_a_module_that_has_too_few_images_says_so_before_training(
    toy: Toy, trained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def before_training(self: StandardNormal, images: int) -> None:
        if self.size < images:
            raise ValueError(f"{images} images are too many for me")

    monkeypatch.setattr(StandardNormal, "before_training", before_training, raising=False)
    with pytest.raises(UserError) as refused:
        trained(toy())
    [problem] = refused.value.problems
    assert problem.where == "modules.prior"
    assert re.fullmatch(r"\d+ images are too many for me", problem.message)
    assert not (tmp_path / "runs").exists()
