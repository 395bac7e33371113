"""What does a run again is understood by a shell, by `semreg` and by Python as it was meant."""

from __future__ import annotations

import json
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import semreg
from semreg.cli.main import app
from semreg.recipe import load
from semreg.recipe.from_python import is_file, recipe_of
from semreg.recipe.load import Recipe
from semreg.running import start
from semreg.running.choices import Choices
from semreg.running.reproducing import call_of, command_of
from semreg.training.phase import PhaseRunner

HOSTILE = ["a b.toml", "-rf.toml", "--seed", "it's.toml", '$(touch x)`y`;"z".toml', "ü\n\t.toml", "~/x.toml", "a/-b"]
"""Paths that a shell, or an option's parser, might read otherwise."""
OVERRIDES = ["losses.kl.reduction='sum'", 'name="$HOME"', "-x=1", "a = [1, 2] # & || >y", "b=\n", ""]
OTHERS: list[dict[str, Any]] = [
    {},
    {"seed": 0},
    {"seed": 3, "device": "cuda:1", "precision": "bf16", "skip_bad_images": True, "tensorboard": True},
    {"threads": 3},
    {"allow_other_processes": True},
    {"judge_on": "validation"},
    {"data_root": Path("my data"), "out": Path("-runs"), "fallback": False, "continue_from": Path("runs/it's-0a1b2c")},
    {"channels_last": False, "tf32": False, "compile": True, "capture": "off", "deterministic": True},
]


@pytest.fixture(autouse=True)
def without_a_data_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEMREG_DATA", raising=False)


@pytest.fixture
def understood(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """`understood("semreg run x.toml")`: the recipe's path, the overrides and the choices that the command means."""
    heard: list[Any] = []

    def run(recipe: Any, choices: Choices, command: str) -> SimpleNamespace:
        heard.append((*recipe, choices))
        return SimpleNamespace(folder=Path("there"), plan=SimpleNamespace(name="x"))

    monkeypatch.setattr(load, "load_recipe", lambda path, overrides: (Path(path), list(overrides)))
    monkeypatch.setattr(start, "run_recipe", run)

    def understood(command: str) -> Any:
        program, *words = shlex.split(command)
        assert program == "semreg"
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        return heard[-1]

    return understood


def test_every_choice_is_among_those_tried() -> None:
    assert {field.name for field in fields(Choices)} == {name for given in OTHERS for name in given}


@pytest.mark.parametrize("given", OTHERS, ids=str)
def test_the_command_means_the_same_choices(given: dict[str, Any], understood: Callable[[str], Any]) -> None:
    command = command_of(Path("x.toml"), ["seed=3", "a.b='c'"], Choices(**given))
    assert understood(command) == (Path("x.toml"), ["seed=3", "a.b='c'"], Choices(**given))


def test_defaults_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command_of(Path("r/x.toml"), (), Choices()) == "semreg run r/x.toml"
    assert command_of("x", (), Choices()) == "semreg run x"
    assert command_of(Path("x"), (), Choices()) == "semreg run ./x", "not the recipe of that name"
    monkeypatch.setenv("SEMREG_DATA", "/faces")
    assert command_of(Path("x.toml"), (), Choices()) == "semreg run x.toml"
    assert command_of(Path("x.toml"), (), Choices(data_root=Path("data"))) == "semreg run x.toml --data-root data"


@pytest.mark.parametrize("path", HOSTILE)
def test_paths_and_overrides_are_quoted(path: str, understood: Callable[[str], Any]) -> None:
    choices = Choices(out=Path(path))
    command = command_of(Path(path), OVERRIDES, choices)
    assert understood(command) == (Path(path), OVERRIDES, choices)
    said = subprocess.run(["sh", "-c", f"printf '%s\\0' {command}"], capture_output=True, text=True, check=True)
    assert said.stdout.split("\0")[:-1] == shlex.split(command)


@pytest.mark.parametrize("path", [*HOSTILE, "\udcff.toml", "a\\'b"])
@pytest.mark.parametrize("given", OTHERS, ids=str)
def test_the_call_has_the_same_arguments(path: str, given: dict[str, Any]) -> None:
    def run(recipe: Any, overrides: Any = (), **choices: Any) -> Any:
        return Path(recipe), is_file(recipe), list(overrides), Choices(**choices)

    names = {"semreg": SimpleNamespace(run=run), "Path": Path}
    for overrides in ([], OVERRIDES):
        recipe = Recipe(Path(path), {}, written=tuple(overrides))
        assert eval(call_of(recipe, Choices(**given)), names) == (Path(path), True, overrides, Choices(**given))


def test_a_call_is_as_one_would_write_it() -> None:
    assert call_of(Recipe(Path("x.toml"), {}), Choices(out=Path("runs"))) == "semreg.run('x.toml')"
    assert call_of(Recipe(Path("x.toml"), {}, written=("seed=3",)), Choices(out=Path("there"))) == (
        "semreg.run('x.toml', overrides=['seed=3'], out='there')"
    )
    table = recipe_of({"data": {"use": "digits"}}, ["seed=3"])
    assert call_of(table, Choices(seed=1)) == (
        "semreg.run({'data': {'use': 'digits'}}, overrides=['seed=3'], seed=1)"
    )  # fmt: skip
    text = recipe_of('[data]\nuse = "digits"', ["seed=3"], name="mine")
    assert call_of(text, Choices(seed=1)) == (
        "semreg.run(semreg.load_recipe('[data]\\nuse = \"digits\"', overrides=['seed=3'], name='mine'), seed=1)"
    )


@pytest.mark.parametrize("given", ["path", "loaded", "dict", "text"])
def test_the_call_that_is_kept_finds_the_run_again(
    given: str, toy: Callable[..., Path], no_hooks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, overrides, choices = toy("", "it's.toml"), ["phases.main.epochs=1", "optimizer.lr=0.5"], {"seed": 3}
    choices |= {"out": tmp_path / "my runs", "device": "cpu"}
    forms: dict[str, Any] = {"path": path, "text": path.read_text(), "dict": tomllib.loads(path.read_text())}
    if given == "loaded":
        run = semreg.run(semreg.load_recipe(path, overrides), **choices)
    else:
        monkeypatch.chdir(path.parent)  # from where a text or a dict names what it extends
        run = semreg.run(forms[given], overrides=overrides, **choices)
    call = json.loads((run.folder / "run.json").read_text())["command"]
    assert call.startswith("semreg.run(")
    monkeypatch.setattr(PhaseRunner, "iterate", None)
    assert eval(call, {"semreg": semreg}).folder == run.folder
    assert [folder.name for folder in run.folder.parent.iterdir()] == [run.folder.name]
