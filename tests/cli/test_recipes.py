"""`semreg recipes`, `cp` and `diff`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import semreg

Said = Callable[..., str]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_recipes_are_listed_with_where_more_are(said: Said, refused: Said) -> None:
    text = said("recipes")
    assert "gm_mnist " in text
    assert "mnist, else digits" in text
    assert "more in autoencoders, code_sizes, " in text
    found = json.loads(said("recipes", "mnist/*", "--json"))
    assert {"name", "sentence", "paper", "data", "minutes"} == found[0].keys()
    assert "no recipe's name matches 'nothing*'" in refused("recipes", "nothing*")


def test_a_copy_runs_and_overwrites_nothing(said: Said, refused: Said) -> None:
    assert said("cp", "atnl_gm_mnist", "mine") == "mine.toml: semreg run mine.toml\n"
    assert "semreg:gm_mnist" in Path("mine.toml").read_text()
    assert "mine.toml: exists already" in refused("cp", "vae_digits", "mine.toml")
    Path("folder").mkdir()
    said("cp", "vae_digits", "folder")
    assert Path("folder/vae_digits.toml").is_file()
    assert "there is no folder" in refused("cp", "vae_digits", "nowhere/mine.toml")
    assert "ends in .toml, such as mine.toml" in refused("cp", "vae_digits", "mine.json")
    assert "did you mean 'vae_digits'" in refused("cp", "vae_digts", "other")
    assert "mine" in said("check", "mine.toml")


def test_two_recipes_differ_where_one_says_another_thing(said: Said, refused: Said) -> None:
    text = said("diff", "gm_mnist", "atnl_gm_mnist")
    assert text.startswith("gm_mnist → atnl_gm_mnist: ")
    assert "  phases.main.steps.joint.train.encoder_s.atnl  — → 30\n" in text
    assert said("diff", "gm_mnist", "gm_mnist") == "gm_mnist → gm_mnist: 0 differences\n"
    found = json.loads(said("diff", "gm_mnist", "atnl_gm_mnist", "--json"))
    assert {"key": "phases.main.steps.joint.train.encoder_s.atnl", "one": None, "other": 30} in found
    assert "did you mean 'gm_mnist'" in refused("diff", "gm_mnst", "atnl_gm_mnist")


def test_runs_and_recipes_are_compared(said: Said, toy: Callable[..., Path], no_hooks: None) -> None:
    path = toy()
    run = semreg.run(path, overrides=["phases.main.epochs=1"], out="runs", device="cpu")
    assert "phases.main.epochs  1 → 2" in said("diff", run.folder.name, path)
    assert said("diff", run.folder, run.folder.name).endswith(": 0 differences\n")


def test_a_run_on_fallback_data_is_compared_with_the_recipe_for_these(
    said: Said, toy: Callable[..., Path], no_hooks: None
) -> None:
    path = toy("[data]\nuse = 'mnist'\n[fallback]\nextends = 'base.toml'\n[modules.x]\nuse = 'mlp_encoder'\n")
    base = Path("base.toml").read_text()
    path.write_text(base.replace('use = "toy"', 'use = "mnist"') + '\n[fallback.data]\nuse = "toy"\n')
    run = semreg.run(path, overrides=["phases.main.epochs=1"], out="runs", device="cpu", data_root="nothing")
    assert said("diff", run.folder.name, path).count("→") == 2


def test_a_copy_that_cannot_be_made_leaves_nothing(said: Said, refused: Said, tmp_path: Path) -> None:
    Path("own").mkdir()
    Path("own/digit_judge.toml").write_text("seed = 1")
    Path("own/mine.toml").write_text('extends = "vae_digits"\n[evaluate.samples]\njudge = "digit_judge"\n')
    Path("other").mkdir()
    text = refused("cp", "own/mine.toml", "other/mine.toml")
    assert text.startswith("own/mine.toml: 'digit_judge' is a recipe of semreg, and the file ")
    assert not list(Path("other").iterdir())
