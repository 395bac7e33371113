"""Runs evaluated, judged and opened again."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import torch

import semreg
from semreg.core import Result, UserError, plugin_manager
from semreg.core.errors import CannotWrite
from semreg.core.hookspecs import hookimpl
from semreg.store.folder import RunFolder
from semreg.trained.run import Run
from semreg.training.phase import PhaseRunner
from tests.running.faults import JUDGE

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]

pytestmark = pytest.mark.usefixtures("no_hooks")

FALLBACK = """
[data]
missing = true
[fallback.data]
missing = false
count = 36
"""

LATER = "[phases.later]\nepochs = 1\ntrain = { decoder = { rec = 1 } }"


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


@pytest.fixture
def evaluations(register: Register) -> list[Any]:
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


def test_evaluations_are_done_once_stored_and_done_again_on_request(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    path = toy('[evaluate.first]\nuse = "measured(z)"\n[evaluate.second]\nuse = "measured(z)"\nscale = 2.0')
    run = trained(path)
    assert len(evaluations) == 2
    assert evaluations[0] != evaluations[1], "each has draws of its own"
    first = read(run.folder / "evaluations" / "first", "result.json")
    second = read(run.folder / "evaluations" / "second", "result.json")
    assert second["figures"]["mean"] == pytest.approx(2 * first["figures"]["mean"])
    trained(path)
    assert len(evaluations) == 2
    results = semreg.evaluate(run.folder, ["second"], device="cpu")
    assert set(results) == {"second"}
    assert evaluations[2:] == [evaluations[1]], "with the same draws"
    with pytest.raises(UserError, match="no evaluation 'secnd'; did you mean 'second'"):
        semreg.evaluate(run.folder, ["secnd"], device="cpu")
    assert read(run.folder, "status.json")["state"] == "finished"


def test_a_judge_that_another_process_trains_is_waited_for(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy(JUDGE, "judge.toml")
    path = toy('[evaluate.judged]\nuse = "judged(image)"\njudge = "judge.toml"')
    trained(path, out=tmp_path / "there")
    [judge] = (tmp_path / "there").glob("judge-*")
    busy = tmp_path / "here" / judge.name
    busy.mkdir(parents=True)
    lock = (busy / ".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)

    def finish() -> None:
        shutil.copytree(judge, busy, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock"))
        lock.close()

    Timer(1.0, finish).start()
    written = (judge / "status.json").read_text()
    trained(path, out=tmp_path / "here")
    assert f"{busy}: waiting for another process" in capsys.readouterr().err
    assert (busy / "status.json").read_text() == written, "the other process's judge is used as it is"


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


def test_evaluating_a_run_that_is_not_finished_is_refused(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], tmp_path: Path, stopped: Callable[..., None]
) -> None:
    """Its results would stand for those of the finished run."""
    path = toy(f'{LATER}\n[evaluate.first]\nuse = "measured(z)"')
    stopped(path)
    [folder] = (tmp_path / "runs").iterdir()
    with pytest.raises(UserError, match="not trained to its end"):
        semreg.evaluate(folder, device="cpu")
    assert evaluations == []
    assert read(folder, "status.json")["state"] == "stopped"


def test_evaluating_a_part_does_not_make_a_run_finished(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], register: Register, tmp_path: Path
) -> None:
    def failing(code: Any) -> Result:
        raise ValueError("never")

    register("evaluation", "failing", failing)
    path = toy('[evaluate.first]\nuse = "failing(z)"\n[evaluate.second]\nuse = "measured(z)"')
    with pytest.raises(UserError, match="never"):
        trained(path)
    [folder] = (tmp_path / "runs").iterdir()
    semreg.evaluate(folder, ["second"], device="cpu")
    status = read(folder, "status.json")
    assert status["state"] == "stopped"
    assert status["message"] == "still to be evaluated: first"


def test_a_judge_is_trained_once_on_the_runs_data_and_shared(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], tmp_path: Path
) -> None:
    toy(JUDGE, "judge.toml")
    text = '[evaluate.verdict]\nuse = "judged(image)"\njudge = "judge.toml"'
    first = trained(toy(text), "data.count=30")
    second = trained(toy(text), "data.count=30", "optimizer.lr=0.1", "data.batch_size=4", seed=9)
    third = trained(toy(text), "data.count=45")
    assert len({first.folder, second.folder, third.folder}) == 3
    judges = [judge.folder for judge in evaluations]
    assert judges[0] == judges[1] != judges[2]
    record = read(judges[0], "run.json")
    assert record["data"]["fingerprint"] == read(first.folder, "run.json")["data"]["fingerprint"]
    assert record["seed"] == 0
    assert record["phases"][0]["batch_size"] == 24, "how it is trained is its own affair"
    assert read(judges[0], "status.json")["state"] == "finished"
    assert 0 < read(first.folder / "evaluations" / "verdict", "result.json")["figures"]["seen"] < 1


def test_neither_a_run_nor_its_judge_is_trained_on_more_of_a_class_than_its_shots(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    toy(JUDGE, "judge.toml")
    text = '[data.split.shots.kind]\na = 2\n[evaluate.verdict]\nuse = "judged(image)"\njudge = "judge.toml"'
    path = toy(f'extends = "base.toml"\n{text}')
    runs = [trained(path, "data.batch_size=6"), evaluations[0]]
    for run in [*runs, semreg.open_run(runs[0].folder, device="cpu")]:
        assert run.tensor("kind").read("train").bincount().tolist() == [2, 16, 16]
        assert run.tensor("kind").read("test").bincount().tolist() == [4, 4, 4]
    assert len({run.data.fingerprint for run in runs}) == 1


def test_a_judge_may_be_trained_on_other_data_than_the_runs(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    toy(JUDGE, "judge.toml")
    run = trained(
        toy('[evaluate.v]\nuse = "judged(image)"\njudge = "judge.toml"\njudge_data = { count = 36, batch_size = 7 }')
    )
    [judge] = evaluations
    data = [read(folder, "recipe.json")["data"] for folder in (run.folder, judge.folder)]
    assert data[1] == data[0] | {"count": 36, "batch_size": 7} != data[0]


def test_data_of_a_judge_that_is_not_there_are_refused(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    path = toy('[evaluate.m]\nuse = "measured(z)"\njudge_data = { count = 36 }')
    with pytest.raises(UserError, match="these are the data of a judge, and there is no 'judge'"):
        trained(path)


def test_a_judge_sees_the_fallback_of_the_run_it_judges(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any]
) -> None:
    toy(JUDGE, "judge.toml")
    path = toy()
    path.write_text(f'extends = "base.toml"\n{FALLBACK}\n[evaluate.v]\nuse = "judged(image)"\njudge = "judge.toml"')
    run = trained(path)
    [judge] = evaluations
    fingerprints = [read(folder, "run.json")["data"]["fingerprint"] for folder in (run.folder, judge.folder)]
    assert fingerprints[0] == fingerprints[1]


# --- opening ---


def test_an_opened_run_encodes_and_decodes(toy: Toy, trained: Callable[..., Run]) -> None:
    run = trained(toy())
    opened = semreg.open_run(run.folder, device="cpu")
    images = torch.rand(5, 1, 4, 4)
    codes = opened.encode(images)
    assert codes.shape == (5, 2)
    assert torch.equal(codes, run.encode(images))
    assert torch.equal(opened.decode(codes), run.decode(codes))
    assert opened.decode(codes).shape == images.shape
    assert torch.equal(codes, opened.encode(images)), "the posterior's mean, not a draw"
    assert not any(module.training for module in opened.modules.values())
    assert not any(p.requires_grad for module in opened.modules.values() for p in module.parameters())


def test_a_run_is_opened_from_anywhere(
    toy: Toy, trained: Callable[..., Run], evaluations: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy(JUDGE, "judge.toml")
    path = toy('[evaluate.verdict]\nuse = "judged(image)"\njudge = "judge.toml"')
    monkeypatch.chdir(tmp_path)
    run = trained(Path(path.name))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert semreg.open_run(run.folder, device="cpu").encode(torch.rand(1, 1, 4, 4)).shape == (1, 2)


def test_what_is_no_run_cannot_be_opened(
    toy: Toy, trained: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="not the folder of a run"):
        semreg.open_run(tmp_path)
    monkeypatch.setattr(PhaseRunner, "iterate", lambda self, iteration: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trained(toy())
    [folder] = (tmp_path / "runs").iterdir()
    with pytest.raises(UserError, match="no whole checkpoint yet"):
        semreg.open_run(folder)
    (folder / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json: cannot be read"):
        semreg.open_run(folder)
