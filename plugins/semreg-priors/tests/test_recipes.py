"""The recipes under recipes/priors: who trains whom, and that each draws from its prior."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from tests.training.moves import moved_by_one_iteration

RECIPES = Path(__file__).parents[3] / "recipes" / "priors"
LEARNED = {"factorised", "flow", "gaussian_mixture", "mixture", "vamp"}
FIXED = {"fitted", "fitted_gaussian", "generalised_normal", "laplace", "sphere", "standard_normal", "student_t"}
TRAINED = {name: {"encoder", "decoder", *(["prior"] * (name in LEARNED))} for name in sorted(LEARNED | FIXED)}


@pytest.mark.parametrize("name", TRAINED)
def test_these_modules_are_trained(name: str) -> None:
    plan = check(load_recipe(RECIPES / f"{name}.toml", ["data.batch_size=4"]))
    assert moved_by_one_iteration(plan) == TRAINED[name]


def test_none_is_forgotten() -> None:
    assert {path.stem for path in RECIPES.glob("*.toml")} == TRAINED.keys()


@pytest.mark.parametrize("name", ["fitted", "vamp"])
def test_an_opened_run_draws_as_the_trained_one(name: str, tmp_path: Path) -> None:
    few = {"fitted": "modules.prior.components=2", "vamp": "modules.prior.pseudo_inputs=5"}[name]
    short = ["phases.main.epochs=1", "data.batch_size=256", few]
    run = semreg.run(RECIPES / f"{name}.toml", overrides=short, out=tmp_path, device="cpu")
    opened = semreg.open_run(run.folder, device="cpu")
    assert torch.equal(opened.sample(4, seed=1), run.sample(4, seed=1))
    untrained = {**opened.module("prior").state_dict()}
    assert not torch.equal(untrained["means"], torch.zeros_like(untrained["means"]))


def test_recipes_that_train_alike_share_a_run_and_fit_priors_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(
        'extends = "priors/fitted"\n[modules.prior]\nuse = "fitted_gaussian"\nsize = 16\n'
    )
    short: dict[str, Any] = {
        "overrides": ["phases.main.epochs=1", "data.batch_size=256"],
        "out": tmp_path / "runs",
        "device": "cpu",
    }
    mixture = semreg.run(RECIPES / "fitted.toml", **short)
    gaussian = semreg.run(tmp_path / "other.toml", **short)
    assert gaussian.folder == mixture.folder
    codes = mixture.tensor("z").read("train")
    fitted: Any = gaussian.module("prior")
    torch.testing.assert_close(fitted.means[0], codes.mean(0), rtol=1e-3, atol=1e-3)
    again = semreg.run(RECIPES / "fitted.toml", **short)
    assert torch.equal(again.sample(4, seed=1), mixture.sample(4, seed=1))
    assert not torch.equal(gaussian.sample(4, seed=1), mixture.sample(4, seed=1))


MIX = """
extends = "vae_digits"
[modules.encoder]
outputs = {outputs}
[modules.prior]
use = "{prior}"
size = 16
[tensors]
posterior = "{posterior}"
[losses.kl]
use = "kl_estimate(z, posterior, prior)"
"""
BEND = """
[modules.bend]
use = "flow"
size = 16
transformation = "affine"
hidden = [16]
"""
POSTERIORS = {
    "diagonal_gaussian(encoder(image))": 32,
    "full_covariance_gaussian(encoder(image))": 152,
    "flow_posterior(diagonal_gaussian(encoder(image)), bend)": 32,
}


@pytest.mark.parametrize("prior", ["factorised", "flow", "generalised_normal", "laplace", "student_t"])
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_every_prior_trains_with_every_posterior(prior: str, posterior: str, tmp_path: Path) -> None:
    learned = ["prior"] * (prior in ("factorised", "flow")) + ["bend"] * ("bend" in posterior)
    text = MIX.format(prior=prior, posterior=posterior, outputs=POSTERIORS[posterior])
    rows = "".join(f"[phases.main.train.{name}]\nkl = 1\n" for name in learned)
    (tmp_path / "mix.toml").write_text(text + BEND * ("bend" in learned) + rows)
    plan = check(load_recipe(tmp_path / "mix.toml", ["data.batch_size=4"]))
    assert moved_by_one_iteration(plan) == {"encoder", "decoder", *learned}


def test_a_flow_in_one_dimension_is_refused_at_check() -> None:
    recipe = load_recipe(RECIPES / "flow.toml", ["modules.prior.size=1", "modules.encoder.outputs=2"])
    with pytest.raises(UserError, match=r"modules\.prior .*needs a code of 2 elements or more"):
        moved_by_one_iteration(check(recipe))
