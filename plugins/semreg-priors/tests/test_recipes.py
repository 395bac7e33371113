"""The recipes under recipes/priors: who trains whom, and that each draws from its prior."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import semreg
from semreg.core import UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from tests.training.moves import moved_by_one_iteration

RECIPES = Path(__file__).parents[3] / "recipes" / "priors"
TRAINED = {
    "fitted": {"encoder", "decoder"},
    "flow": {"encoder", "decoder", "prior"},
    "mixture": {"encoder", "decoder", "prior"},
    "sphere": {"encoder", "decoder"},
    "vamp": {"encoder", "decoder", "prior"},
}


@pytest.mark.parametrize("name", TRAINED)
def test_these_modules_are_trained(name: str) -> None:
    plan = check(load_recipe(RECIPES / f"{name}.toml", ["data.batch_size=4"]))
    assert moved_by_one_iteration(plan) == TRAINED[name]


def test_none_is_forgotten() -> None:
    assert {path.stem for path in RECIPES.glob("*.toml")} == TRAINED.keys()


@pytest.mark.parametrize("name", ["fitted", "vamp"])
def test_an_opened_run_draws_as_the_trained_one(name: str, tmp_path: Path) -> None:
    run = semreg.run(RECIPES / f"{name}.toml", overrides=["phases.main.epochs=1"], out=tmp_path, device="cpu")
    opened = semreg.open_run(run.folder, device="cpu")
    assert torch.equal(opened.sample(4, seed=1), run.sample(4, seed=1))
    untrained = {**opened.module("prior").state_dict()}
    assert not torch.equal(untrained["means"], torch.zeros_like(untrained["means"]))


def test_a_flow_in_one_dimension_is_refused_at_check() -> None:
    recipe = load_recipe(RECIPES / "flow.toml", ["modules.prior.size=1", "modules.encoder.outputs=2"])
    with pytest.raises(UserError, match=r"modules\.prior .*needs a code of 2 elements or more"):
        moved_by_one_iteration(check(recipe))
