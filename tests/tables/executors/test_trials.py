"""What reaches the process of a trial, and what its folder tells of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import semreg
from semreg.core import Needs, UserError
from semreg.recipe.load import Recipe, load_recipe
from semreg.recipe.plan import Plan
from semreg.running.choices import Choices
from semreg.running.start import place_of, plan_for
from semreg.store.collection import collection
from semreg.store.folder import RunIsBusy
from semreg.store.record import known_runs, run_folders
from semreg.tables.executors.trials import (
    MOST_SAID,
    last_words,
    length_of_log,
    lock_of,
    log_of,
    name_of,
    refusal_kept,
    refusal_of,
    status_of,
    steps_of,
    write_trial,
)
from semreg.tables.grid import Cell

Toy = Callable[..., Path]


@dataclass
class Planned:
    recipe: Recipe
    plan: Plan
    choices: Choices
    folder: Path
    command: str = "semreg run recipe --seed 3"
    seed: int = 3
    to_do: bool = True

    def read(self) -> Cell:
        return Cell(self.seed, self.folder, "not begun")


@pytest.fixture
def planned(toy: Toy, tmp_path: Path) -> Callable[..., Planned]:
    """`planned(text, "KEY=VALUE", threads=2)` is a trial of a toy."""

    def planned(text: str = "", *overrides: str, **chosen: Any) -> Planned:
        choices = Choices(**{"out": tmp_path / "runs", "device": "cpu", **chosen})
        recipe = load_recipe(toy(text), overrides)
        return Planned(recipe, plan_for(recipe, choices)[0], choices, tmp_path / "runs" / "recipe-0a1b2c")

    return planned


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_its_arguments_make_the_same_run(planned: Callable[..., Planned], tmp_path: Path) -> None:
    trial = planned(
        '[fallback.data]\ncount = 30\n[losses.rec]\nuse = "l1(reconstruction, image)"\n', "optimizer.lr=0.5"
    )
    arguments, needs = write_trial(trial, Needs(2))
    assert arguments[:2] == ["run", str(trial.folder / "trials" / "recipe.toml")]
    assert needs == Needs(2, log=trial.folder / "trials" / "recipe.log")
    copy = load_recipe(Path(arguments[1]), [option(arguments, "--set")], of=Path(option(arguments, "--of")))
    assert copy.path == trial.recipe.path
    for fallback in (False, True):
        assert copy.resolve(fallback=fallback) == trial.recipe.resolve(fallback=fallback)
    assert option(arguments, "--command") == "semreg run recipe --seed 3 --threads 2"
    assert (option(arguments, "--threads"), option(arguments, "--seed")) == ("2", "3")
    assert option(arguments, "--out") == str(tmp_path / "runs")


def test_what_python_changes_of_a_recipe_reaches_it_too(planned: Callable[..., Planned]) -> None:
    trial = planned("", "optimizer.lr=0.5")
    change = {
        "without": ["losses.kl"],
        "phases": {"main": {"train": {"encoder": {"rec": 2.5}}}},
        "description": 'a "b" =\n',
    }
    trial.recipe = replace(trial.recipe, overrides=(*trial.recipe.overrides, change))
    arguments, _ = write_trial(trial, Needs(1))
    overrides = [after for before, after in pairwise(arguments) if before == "--set"]
    copy = load_recipe(Path(arguments[1]), overrides, of=Path(option(arguments, "--of")))
    assert copy.resolve() == trial.recipe.resolve()


def test_places_are_the_same_from_any_folder(
    planned: Callable[..., Planned], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trial = planned(out=Path("there"), data_root=Path("data"))
    trial.folder = Path("there") / "recipe-0a1b2c"
    arguments, needs = write_trial(trial, Needs(1))
    assert option(arguments, "--data-root") == str(tmp_path / "data")
    assert option(arguments, "--out") == str(tmp_path / "there")
    assert Path(arguments[1]).is_absolute()
    assert needs.log.is_absolute()


@pytest.mark.parametrize(
    ("chosen", "record", "threads"),
    [(None, None, "2"), (4, None, "4"), (None, {"threads": 3}, "3"), (4, {"threads": 3}, "4"),
     (None, {"threads": 3, "trained": True}, "2"), (None, {"threads": "many"}, "2"), (None, {}, "2")],
)  # fmt: skip
def test_a_begun_run_goes_on_with_the_threads_that_it_was_begun_with(
    chosen: int | None, record: dict[str, Any] | None, threads: str, planned: Callable[..., Planned]
) -> None:
    trial = planned(threads=chosen)
    if record is not None:
        trial.folder.mkdir(parents=True)
        (trial.folder / "run.json").write_text(json.dumps(record))
    arguments, needs = write_trial(trial, Needs(2))
    assert option(arguments, "--threads") == threads
    assert needs.threads == int(threads)


def test_on_a_gpu_it_computes_on_the_one_that_it_sees(planned: Callable[..., Planned]) -> None:
    trial = planned()
    assert option(write_trial(trial, Needs(1))[0], "--device") == "cpu"
    assert option(write_trial(trial, Needs(1, gpu=0.5))[0], "--device") == "cuda"


def test_a_folder_that_holds_a_trial_alone_is_listed_and_a_run_can_be_begun_there(
    planned: Callable[..., Planned],
) -> None:
    trial = planned()
    trial.folder = place_of(trial.plan, trial.choices).folder
    write_trial(trial, Needs(1))
    log_of(trial).write_text("began")
    out = trial.folder.parent
    assert (known_runs(out), run_folders(out)) == ([], [trial.folder])
    [listed] = collection(out).runs
    assert (listed.status.state, listed.status.message) == (
        "damaged",
        "there is no run.json: its process ended before the run started",
    )
    with FileLock(lock_of(trial)):
        [listed] = collection(out).runs
        assert (listed.status.state, listed.status.message) == ("running", "it is beginning")
    run = semreg.run(trial.recipe, out=out, device="cpu")
    assert run.folder == trial.folder


def test_its_name_and_files(planned: Callable[..., Planned]) -> None:
    trial = planned()
    assert name_of(trial) == "recipe · seed 3"
    assert {path.name for path in (lock_of(trial), log_of(trial))} == {"recipe.lock", "recipe.log"}
    assert lock_of(trial).parent == trial.folder / "trials"


def test_steps_forward_are_checkpoints_and_results(planned: Callable[..., Planned]) -> None:
    trial = planned()
    assert (steps_of(trial), status_of(trial)) == (frozenset(), None)
    for name in ("checkpoints/00000001", "evaluations/probe-0a1b2c"):
        (trial.folder / name).mkdir(parents=True)
    assert steps_of(trial) == {"checkpoints/00000001", "evaluations/probe-0a1b2c"}
    (trial.folder / "status.json").write_text("{}")
    assert status_of(trial) is not None


def test_last_words(planned: Callable[..., Planned]) -> None:
    trial = planned()
    assert (last_words(trial), length_of_log(trial)) == ("", 0)
    log_of(trial).parent.mkdir(parents=True)
    log_of(trial).write_bytes(b"main 1/2\nKilled \xff\n  \n")
    assert last_words(trial) == "Killed �"
    assert last_words(trial, length_of_log(trial) - 4) == ""
    log_of(trial).write_text("x" * 10**6)
    assert last_words(trial) == "x" * MOST_SAID


def test_why_it_failed_is_left_beside_its_recipe(planned: Callable[..., Planned]) -> None:
    trial = planned()
    arguments, _ = write_trial(trial, Needs(1))
    assert refusal_of(trial) == ""
    errors = {UserError("recipe", "is refused"): "recipe: is refused", TypeError("odd"): "TypeError: odd"}
    for error, said in errors.items():
        with pytest.raises(type(error)), refusal_kept(Path(arguments[1])):
            raise error
        assert refusal_of(trial) == said
    write_trial(trial, Needs(1))
    assert refusal_of(trial) == "", "of the time before"
    for stopped in (KeyboardInterrupt(), RunIsBusy("", "another")):
        with pytest.raises(type(stopped)), refusal_kept(Path(arguments[1])):
            raise stopped
    with refusal_kept(Path(arguments[1])):
        pass
    assert refusal_of(trial) == ""
