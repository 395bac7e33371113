"""`semreg show` of recipes; of components: tests/cli/test_describe.py and tests/cli/test_main.py."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

from semreg.recipe.load import load_recipe

Said = Callable[..., str]


def test_a_recipe_is_shown_as_it_runs(said: Said, tmp_path: Path) -> None:
    shown = tomllib.loads(said("show", "atnl_gm_mnist", "--set", "losses.atnl.margin=0.9"))
    assert shown == load_recipe("atnl_gm_mnist", ["losses.atnl.margin=0.9"]).resolve()
    assert json.loads(said("show", "atnl_gm_mnist", "--json")) == load_recipe("atnl_gm_mnist").resolve()
    assert tomllib.loads(said("show", "gm_mnist", "--fallback"))["data"]["use"] == "digits"


def test_a_component_comes_first_and_a_recipe_of_its_name_has_another_too(said: Said) -> None:
    assert said("show", "atnl").startswith("atnl · loss · ")
    assert tomllib.loads(said("show", "semreg:mnist/atnl"))["description"] == "ATNL"


def test_a_partial_recipe_is_shown_as_it_is(said: Said) -> None:
    assert "phases" not in tomllib.loads(said("show", "partial/occlusion"))
    assert "partial/occlusion" in said("recipes", "partial/*")


def test_what_is_neither_is_told(refused: Said, tmp_path: Path) -> None:
    assert "no component and no recipe is called 'vae_digt'; did you mean 'vae_digits'" in refused("show", "vae_digt")
    assert "there is no recipe" in refused("show", tmp_path / "mine.toml")
    (tmp_path / "broken.toml").write_text("[losses")
    assert "broken.toml" in refused("show", tmp_path / "broken.toml")
