"""Runs from start to finish: fallbacks said, finished ones left alone, what cannot run refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import catalogue
import numpy as np
import pytest
import torch
from torch import Tensor

from semreg.core import DataMissing, Result, Source, UserError, hookspecs, registry
from semreg.core.hookspecs import hookimpl
from semreg.core.kinds import KINDS
from semreg.recipe.load import load_recipe
from semreg.running import start
from semreg.running.choices import Choices
from semreg.trained.run import Run
from semreg.training.phase import PhaseRunner
from tests.conftest import ToyData
from tests.running.conftest import FALLBACK, LATER, read

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]

pytestmark = pytest.mark.usefixtures("no_hooks")


def with_fallback(toy: Toy, text: str = FALLBACK) -> Path:
    path = toy()
    path.write_text(f'extends = "base.toml"\n{text}')
    return path


# --- fallback ---


def test_a_missing_data_set_gives_way_to_the_fallback_and_it_is_said(
    toy: Toy, trained: Callable[..., Run], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = trained(with_fallback(toy), data_root=tmp_path / "nowhere")
    said = capsys.readouterr().err
    assert f"ToyData not found under {tmp_path / 'nowhere'} (looked for toy.bin)" in said
    assert "Using the recipe's fallback data set, toy, instead." in said
    record = read(run.folder, "run.json")
    assert record["used_fallback"]
    assert "looked for toy.bin" in record["fallback"]
    assert sum(record["data"]["counts"].values()) == 36
    assert read(run.folder, "recipe.json")["data"]["count"] == 36


def test_the_fallback_and_the_recipe_are_two_runs(toy: Toy, trained: Callable[..., Run]) -> None:
    fallen = trained(with_fallback(toy))
    there = trained(with_fallback(toy), "data.missing=false")
    assert fallen.folder != there.folder
    assert read(there.folder, "run.json")["fallback"] is None


def test_without_fallback_the_missing_data_are_told(toy: Toy, trained: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=r"looked for toy\.bin"):
        trained(with_fallback(toy), fallback=False)
    with pytest.raises(DataMissing, match=r"looked for toy\.bin"):
        trained(toy(), "data.missing=true")
    with pytest.raises(DataMissing, match=r"looked for toy\.bin"):
        trained(with_fallback(toy), "fallback.data.missing=true")
    assert not (tmp_path / "runs").exists()


# --- names, records, going on ---


def test_a_finished_run_does_nothing_and_says_so(
    toy: Toy, trained: Callable[..., Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trained(toy())
    before = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    capsys.readouterr()
    monkeypatch.setattr(PhaseRunner, "iterate", None)
    again = trained(toy())
    assert f"{first.folder} is finished; nothing to do" in capsys.readouterr().err
    assert again.folder == first.folder
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")} == before
    for name, module in first.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(again.modules[name].state_dict()[key], value)


def test_a_runs_name_follows_from_recipe_seed_and_precision(toy: Toy, trained: Callable[..., Run]) -> None:
    folder = trained(toy()).folder
    assert folder.name.startswith("recipe-")
    assert folder.name.removeprefix("recipe-") == read(folder, "run.json")["hash"][:6]
    others = [trained(toy(), seed=1), trained(toy(), "optimizer.lr=0.5"), trained(toy(), precision="bf16")]
    assert len({folder.name, *(run.folder.name for run in others)}) == 4
    assert trained(toy(), seed=0).folder == folder
    assert trained(toy(), "optimizer.lr=0.01").folder == folder


def test_of_a_run_whose_folder_a_grid_has_chosen_no_other_is_read(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, choices = load_recipe(toy()), Choices(device="cpu", out=tmp_path / "runs")
    folder = start.place_of(start.plan_for(recipe, choices)[0], choices).folder
    monkeypatch.setattr(start, "known_runs", None)
    for _ in range(2):
        assert start.run_recipe(recipe, choices, folder=folder).folder == folder
    assert [path.name for path in choices.out.iterdir()] == [folder.name]


def test_warnings_are_said_and_recorded_once(
    toy: Toy, trained: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    path = toy('[modules.spare]\nuse = "standard_normal"\nsize = 2')
    run = trained(path, "without=['phases.main.train.decoder']")
    said = capsys.readouterr().err
    lines = [json.loads(line)["warning"] for line in (run.folder / "warnings.jsonl").read_text().splitlines()]
    assert lines == [
        "modules.spare is never used",
        "modules.decoder has parameters that are neither trained nor loaded",
    ]
    assert all(f"warning: {line}" in said for line in lines)


def test_what_a_component_warns_of_is_recorded_with_the_run(
    toy: Toy, trained: Callable[..., Run], register: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    def anxious(z: Tensor) -> Tensor:
        warnings.warn("the variances\nfell below the floor", stacklevel=2)
        return z.square().mean()

    register("loss", "anxious", anxious)
    run = trained(toy('[losses.fear]\nuse = "anxious(z)"'), "phases.main.train.encoder.fear=1")
    lines = [json.loads(line)["warning"] for line in (run.folder / "warnings.jsonl").read_text().splitlines()]
    assert lines == ["the variances fell below the floor"]
    assert "warning: the variances fell below the floor" in capsys.readouterr().err


def test_a_folder_is_one_process_at_a_time(
    toy: Toy, trained: Callable[..., Run], tmp_path: Path, stopped: Callable[..., None]
) -> None:
    stopped(toy(LATER))
    [folder] = (tmp_path / "runs").iterdir()
    script = (
        "import sys; from pathlib import Path; from semreg.store.folder import RunFolder\n"
        "folder = RunFolder(Path(sys.argv[1]), 'x'); folder.open(); print('mine', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(UserError, match="another process uses this run"):
            trained(toy(LATER))
        other.communicate()
    trained(toy(LATER))
    assert read(folder, "status.json")["state"] == "finished"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(toy: Toy, trained: Callable[..., Run], tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(UserError, match="cannot be written"):
        trained(toy(), out=locked)


def test_out_that_is_a_file_is_told(toy: Toy, trained: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be"):
        trained(toy(), out=tmp_path / "file")


@pytest.mark.parametrize(
    "error", [UserError("", "each class needs 4 images, b has 3"), ValueError("b has 3")], ids=["user", "value"]
)
@pytest.mark.parametrize("where", ["data.sampler", "phases.main.data.sampler"])
def test_what_a_sampler_refuses_is_told_at_its_key(
    error: Exception, where: str, toy: Toy, register: Register, trained: Callable[..., Run], tmp_path: Path
) -> None:
    def refusing(labels: Tensor, *, count: int, batch_size: int, generator: torch.Generator) -> Tensor:
        raise error

    register("sampler", "refusing", refusing)
    path = toy()
    with pytest.raises(UserError, match="b has 3") as told:
        trained(path, f"{where}='refusing(kind)'")
    assert told.value.source == str(path)
    assert [problem.where for problem in told.value.problems] == [where]
    assert not (tmp_path / "runs").exists()


def test_the_events_come_in_order(
    toy: Toy, trained: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, stopped: Callable[..., None]
) -> None:
    events: list[str] = []

    class Listener:
        @hookimpl
        def run_started(self, run: Any) -> None:
            events.append("started")

        @hookimpl
        def phase_started(self, phase: str) -> None:
            events.append(phase)

        @hookimpl
        def iteration_done(self, progress: hookspecs.Progress) -> None:
            events.append(f"{progress.iteration}/{progress.iterations}")

        @hookimpl
        def checkpoint_written(self, path: Path) -> None:
            events.append(path.name)

        @hookimpl
        def run_stopped(self, error: BaseException) -> None:
            events.append(type(error).__name__)

        @hookimpl
        def run_finished(self, run: Any) -> None:
            events.append("finished")

    load_hooks = start.plugin_manager.load_hooks

    def with_listener(warn: Callable[[str], None]) -> Any:
        manager = load_hooks(warn)
        manager.register(Listener())
        return manager

    monkeypatch.setattr(start.plugin_manager, "load_hooks", with_listener)
    path = toy(f"[phases.main]\nepochs = 1\n{LATER}")
    stopped(path)
    assert events == ["started", "main", *(f"{n}/6" for n in range(1, 7)), "00000001", "later", "KeyboardInterrupt"]
    events.clear()
    trained(path)
    assert events == ["started", "later", *(f"{n}/6" for n in range(1, 7)), "00000002", "finished"]


# --- what ends early ---


def test_a_recipe_that_cannot_run_leaves_no_folder(toy: Toy, trained: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="failed on"):
        trained(toy('[losses.rec]\nuse = "l2(reconstruction, point)"'))
    assert not (tmp_path / "runs").exists()


def test_a_loss_of_a_notebook_that_is_changed_is_another_run(
    toy: Toy, trained: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = toy('[losses.own]\nuse = "own(z)"\n[phases.main.train]\nencoder.own = 1')
    folders = []
    for factor in ("1", "1000", "1"):
        place: dict[str, Any] = {"__name__": "__main__"}
        exec(f"def own(z):\n    return {factor} * z.square().mean()\n", place)
        registry.register("loss", "own", place["own"])
        try:
            folders.append(trained(path).folder)
        finally:
            del catalogue.REGISTRY[(*KINDS["loss"].group.split("."), "own")]
    assert folders[0] == folders[2] != folders[1]
    assert capsys.readouterr().err.count("finished; nothing to do") == 1


def test_that_no_image_is_in_the_test_split_is_said_before_training(
    toy: Toy, trained: Callable[..., Run], register: Callable[[str, str, Any], None],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    class Untested(ToyData):
        def source(self) -> Source:
            found = super().source()
            return replace(found, split=np.zeros_like(found.split))

    register("dataset", "untested", Untested)
    register("evaluation", "reading", lambda code: Result(figures={"x": float(code.read("test").mean())}))
    path = toy('[evaluate.reads]\nuse = "reading(z)"')
    run = trained(path, "data.use='untested'")
    said = capsys.readouterr().err
    assert said.index("no image is in the test split") < said.index("evaluation 'reads' failed: ")
    assert read(run.folder, "status.json")["failed"] == ["reads"]
