"""Options that commands share: every choice of a run reaches it, and a run is found by folder or by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from semreg.cli.main import app
from semreg.cli.options import takes_choices
from semreg.recipe import load
from semreg.running import start
from semreg.running.choices import Choices
from semreg.store.disk import write_object

Asked = Callable[..., tuple[Any, Choices]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Asked:
    """`asked("--seed", "3", SEMREG_DATA="d")`: the recipe and the choices of `semreg run some.toml --seed 3`."""
    heard: list[tuple[Any, Choices]] = []

    (tmp_path / "there").mkdir()
    write_object(tmp_path / "there" / "run.json", {"name": "some"})
    (tmp_path / "there" / "report.html").touch()
    monkeypatch.chdir(tmp_path)

    def run(recipe: Any, choices: Choices, command: str) -> SimpleNamespace:
        heard.append((recipe, choices))
        return SimpleNamespace(folder=Path("there"), plan=SimpleNamespace(name="some"))

    monkeypatch.setattr(load, "load_recipe", lambda path, overrides: (path, list(overrides)))
    monkeypatch.setattr(start, "run_recipe", run)
    monkeypatch.delenv("SEMREG_DATA", raising=False)

    def asked(*arguments: str, **environment: str) -> tuple[Any, Choices]:
        result = CliRunner().invoke(app, ["run", "some.toml", *arguments], env=environment)
        assert (result.exit_code, result.output) == (0, "report: there/report.html\n")
        return heard[-1]

    return asked


def test_options_reach_the_run(asked: Asked) -> None:
    assert asked() == (("some.toml", []), Choices())
    changed = ["--set", "a.b=1", "--set", "c=2", "--seed", "3", "--data-root", "d", "--out", "o"]
    given = [*changed, "--device", "cpu", "--precision", "bf16", "--no-fallback", "--skip-bad-images", "--tensorboard"]
    given += ["--no-channels-last", "--no-tf32", "--compile", "--capture", "off", "--deterministic"]
    assert asked(*given, SEMREG_DATA="other") == (
        ("some.toml", ["a.b=1", "c=2"]),
        Choices(
            seed=3, device="cpu", precision="bf16", data_root=Path("d"), out=Path("o"), fallback=False,
            skip_bad_images=True, tensorboard=True, channels_last=False, tf32=False, compile=True, capture="off",
            deterministic=True,
        ),
    )  # fmt: skip


def test_the_data_root_may_come_from_the_environment(asked: Asked) -> None:
    assert asked(SEMREG_DATA="/faces")[1].data_root == Path("/faces")


def command(folder: Path, *, loud: bool = False, choices: Choices) -> None:
    """A command."""
    raise ValueError(folder, loud, choices)


def asked_for(*left_out: str, **given: Any) -> Choices:
    """The choices that the command gets."""
    with pytest.raises(ValueError) as raised:
        takes_choices(*left_out)(command)(folder=Path("x"), loud=True, **given)
    folder, loud, choices = raised.value.args
    assert (folder, loud) == (Path("x"), True)
    assert isinstance(choices, Choices)
    return choices


DEFAULTS = {field.name: field.default for field in fields(Choices)}
SAID = DEFAULTS | {field.name: not field.default for field in fields(Choices) if "flag" in field.metadata}
"""What the parser gives where nothing is said; flags say the opposite of what they change."""


def test_a_command_takes_an_option_for_each_choice_and_keeps_its_own() -> None:
    taking = inspect.signature(takes_choices("seed")(command))
    assert list(taking.parameters) == ["folder", "loud", *(name for name in DEFAULTS if name != "seed")]
    assert taking.parameters["precision"].default == "fp32"
    assert takes_choices()(command).__doc__ == "A command."


def test_a_flag_that_says_the_opposite_is_turned_round() -> None:
    given = SAID | {"tensorboard": True}
    assert asked_for(**given) == Choices(tensorboard=True)
    assert asked_for(**given | {"fallback": True}) == Choices(tensorboard=True, fallback=False)
    assert inspect.signature(takes_choices()(command)).parameters["fallback"].default is False


def test_what_a_command_leaves_out_keeps_its_default() -> None:
    given = {name: value for name, value in SAID.items() if name not in ("seed", "fallback")}
    assert asked_for("seed", "fallback", **given | {"device": "cpu"}) == Choices(device="cpu")


def test_a_command_may_have_defaults_of_its_own() -> None:
    @takes_choices("seed", judge_on="validation")
    def command(*, choices: Choices) -> None: ...

    parameters = inspect.signature(command).parameters
    assert (parameters["judge_on"].default, parameters["device"].default) == ("validation", "auto")
