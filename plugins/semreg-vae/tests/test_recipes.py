"""The methods as recipes: who trains whom, and what differs from a plain VAE."""

from __future__ import annotations

from pathlib import Path

import pytest

from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from tests.training.moves import moved_by_one_iteration

RECIPES = Path(__file__).parents[3] / "recipes" / "disentanglement"
METHODS = sorted(path.stem for path in RECIPES.glob("*.toml"))


def plan_of(name: str, *overrides: str) -> Plan:
    return check(load_recipe(RECIPES / f"{name}.toml", ["data.batch_size=4", *overrides]))


def test_methods_differ_from_a_vae_in_losses_and_the_critic_alone() -> None:
    vae = plan_of("vae")
    for name in METHODS:
        plan = plan_of(name)
        assert plan.modules.keys() - {"critic"} == vae.modules.keys()
        assert plan.modules["decoder"].node.options == vae.modules["decoder"].node.options
        assert plan.matrix()["main"]["step"]["decoder"] == {"reconstruction_error": 1}
        assert plan.phases[0].epochs == vae.phases[0].epochs
        assert plan.evaluations.keys() | {"divergence"} == vae.evaluations.keys()


@pytest.mark.parametrize(
    ("name", "loss", "trained"),
    [
        ("factor_vae", "total_correlation", "encoder"),
        ("factor_vae", "critic", "critic"),
        ("beta_tcvae", "total_correlation", "encoder"),
        ("capacity", "kl", "encoder"),
        ("dip_vae_1", "dip", "encoder"),
        ("info_vae", "mmd", "encoder"),
        ("wae_mmd", "mmd", "encoder"),
    ],
)
def test_with_one_loss_alone_exactly_its_module_moves(name: str, loss: str, trained: str) -> None:
    losses = {*plan_of(name).losses} - {loss}
    plan = plan_of(name, f"without={[f'losses.{other}' for other in sorted(losses)]}")
    assert moved_by_one_iteration(plan) == {trained}
