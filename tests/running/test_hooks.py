"""Hooks from Python: what is none is refused before training, what is one sees the run, and a fault costs itself."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from semreg.core import ObservedRun, UserError
from semreg.core.hookspecs import Progress, hookimpl
from semreg.report.writing import ReportWriter
from semreg.running.hooks import handed_over
from semreg.store.recorded import read_recorded
from semreg.trained.run import Run

Toy = Callable[..., Path]
Trained = Callable[..., Run]

pytestmark = pytest.mark.usefixtures("no_hooks")


class Misspelt:
    @hookimpl
    def iteration_don(self, run: ObservedRun) -> None: ...


class OtherArgument:
    @hookimpl
    def iteration_done(self, walk: ObservedRun) -> None: ...


class Broken:
    def __init__(self) -> None:
        raise SystemExit(3)

    @hookimpl
    def run_started(self) -> None: ...


class Watching:
    """Notes what it is shown."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.recipe: dict[str, Any] = {}
        self.early = ""
        self.parameters = 0

    def helper(self) -> None:
        """Other methods are no hooks."""

    @hookimpl
    def run_started(self, run: ObservedRun) -> None:
        try:
            run.tensor("z")
        except UserError as error:
            self.early = str(error)

    @hookimpl
    def iteration_done(self, run: ObservedRun, progress: Progress) -> None:
        self.recipe = run.recipe
        self.parameters = sum(parameter.numel() for parameter in run.modules["decoder"].parameters())
        self.seen.append(run.tensor("reconstruction", count=2))


def test_a_hook_sees_recipe_modules_and_tensors_and_changes_nothing(toy: Toy, trained: Trained, tmp_path: Path) -> None:
    hook = Watching()
    run = trained(toy(), hooks=[hook])
    plain = trained(toy(), out=tmp_path / "plain")
    assert run.folder.name == plain.folder.name
    for name, module in run.modules.items():
        others = plain.modules[name].state_dict()
        assert all(torch.equal(value, others[key]) for key, value in module.state_dict().items())
    assert hook.recipe["phases"]["main"]["epochs"] == 2
    assert hook.parameters == sum(parameter.numel() for parameter in run.modules["decoder"].parameters())
    assert [value.shape for value in hook.seen] == [(2, 1, 4, 4)] * 12
    assert not torch.equal(hook.seen[0], hook.seen[-1])
    assert "from the first `phase_started` on" in hook.early
    assert "hooks" not in (run.folder / "run.json").read_text()


def test_a_class_is_made_and_a_module_is_taken_as_it_is(toy: Toy, trained: Trained) -> None:
    heard: list[str] = []

    class Made:
        @hookimpl
        def run_finished(self, run: ObservedRun) -> None:
            heard.append(f"class {run.name}")

    module = types.ModuleType("listening")
    module.run_finished = hookimpl(lambda run: heard.append(f"module {run.name}"))  # type: ignore[attr-defined]
    trained(toy(), hooks=[Made, module])
    assert sorted(heard) == ["class recipe", "module recipe"]
    trained(toy(), "evaluate.r.use='reconstructions(image, reconstruction)'", hooks=(module,))
    assert heard.count("module recipe") == 2, "of what is evaluated without training, too"


def test_the_report_is_there_when_that_is_told_and_a_hook_can_ask_for_the_whole_run(toy: Toy, trained: Trained) -> None:
    told: list[tuple[str, bool, int]] = []

    class Reading:
        @hookimpl
        def checkpoint_written(self, run: ObservedRun) -> None:
            recorded = run.recorded()
            told.append((recorded.state, "report.html" in recorded.files, len(recorded.points)))

        report_written = checkpoint_written

    run = trained(toy(), "phases.main.epochs=1", hooks=[ReportWriter(), Reading()])
    assert [state for state, _, _ in told] == ["running", "finished"]
    assert [written for _, written, _ in told] == [False, True]
    assert told[-1][2] == len(read_recorded(run.folder).points) > 0


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        (Misspelt, "iteration_don is not an event of semreg, or is wrapped; did you mean 'iteration_done'"),
        (OtherArgument(), "walk"),
        (Broken, "Broken: SystemExit: 3"),
        (3, "int: none of its functions is marked hookimpl"),
        (print, "print: none of its functions is marked hookimpl"),
    ],
    ids=["event", "argument", "constructor", "number", "function"],
)
def test_what_is_no_hook_is_refused_before_training(
    hook: object, said: str, toy: Toy, trained: Trained, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as refused:
        trained(toy(), hooks=[Watching(), hook])
    [problem] = refused.value.problems
    assert problem.where == "hooks[1]"
    assert said in problem.message
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("hooks", [Watching(), "x", None])
def test_hooks_are_a_list(hooks: object) -> None:
    with pytest.raises(UserError, match="expected a list"):
        handed_over(hooks)


def test_one_object_is_a_hook_once() -> None:
    hook = Watching()
    with pytest.raises(UserError, match=r"hooks\[1\]"):
        handed_over([hook, hook])
    assert handed_over(()) == {}


def test_a_hook_that_fails_is_switched_off(toy: Toy, trained: Trained) -> None:
    calls = 0

    class Failing:
        @hookimpl
        def iteration_done(self, run: ObservedRun) -> None:
            nonlocal calls
            calls += 1
            run.tensor("reconstructoin")

    run = trained(toy(), hooks=[Failing()])
    assert calls == 1
    said = (run.folder / "warnings.jsonl").read_text()
    assert "hook plugin hooks[0] (Failing) failed in iteration_done and is switched off" in said
    assert "did you mean 'reconstruction'" in said
