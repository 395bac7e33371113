"""The recipes of the package train, exactly what they say, and mistakes are told at the recipe's key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import semreg
from semreg.core import UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.testing import check_recipe
from semreg.training.trial import check_by_dry_run
from tests.docs.test_blocks import OPTIONAL, mistake_of_toml, recipes_of
from tests.training.moves import moved_by_one_iteration

pytest.importorskip("semreg_metric_learning.parts", reason="optional: `make test-optional` installs it")
import semreg_metric_learning

FOLDER = Path(semreg_metric_learning.__file__).parent
RECIPES = sorted(FOLDER.glob("*.toml"))


def plan_of(name: str, *overrides: str) -> Plan:
    return check(load_recipe(FOLDER / f"{name}.toml", overrides))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.stem))
def test_it_trains(path: Path) -> None:
    check_recipe(path)


@pytest.mark.parametrize(("name", "own"), [("arcface", "arc"), ("proxy_anchor", "proxies")])
def test_the_loss_trains_the_encoder_and_its_own_parameters(name: str, own: str) -> None:
    plan = plan_of(name, 'without=["losses.reconstruction_error"]', "data.batch_size=8")
    assert moved_by_one_iteration(plan) == {"encoder", own}


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("arcface", "modules.arc.num_classes=3.5", "modules.arc.num_classes  3.5"),
        ("arcface", 'without=["modules.arc.num_classes"]', "modules.arc  arcface .* needs the option 'num_classes'"),
        ("arcface", "modules.arc.embedding_size=7", "modules.arc  embedding_size is 7, and the codes have 16 numbers"),
        ("multi_similarity", 'losses.gather.distance="cosin"', "losses.gather  no distance is called 'cosin'"),
        ("multi_similarity", 'losses.gather.use="smooth_ap(z, digit)"', "losses.gather  .*it takes batches of as many"),
        ("multi_similarity", 'losses.gather.use="arcface(z, digit)"', "it is a criterion of semreg-metric-learning"),
        ("multi_similarity", 'losses.gather.use="multi_similarity(z)"', "1 given, labels missing"),
    ],
)
def test_a_mistake_is_told_at_its_key(name: str, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_by_dry_run(plan_of(name, override))


def test_a_variational_autoencoder_may_have_it_beside(tmp_path: Path) -> None:
    path = tmp_path / "mix.toml"
    text: list[Any] = [
        'extends = "vae_digits"', "[modules.arc]", 'use = "arcface"', 'num_classes = "@digit.classes"',
        "[losses.arc]", 'use = "arc(z, digit)"', "[phases.main.train]", "encoder = { arc = 0.1 }", "arc = { arc = 1 }",
    ]  # fmt: skip
    path.write_text("\n".join(text))
    check_recipe(path)


def test_what_the_library_draws_is_the_same_in_two_runs_of_a_seed(tmp_path: Path) -> None:
    path = tmp_path / "drawn.toml"
    path.write_text(
        f'extends = "{FOLDER / "multi_similarity.toml"}"\nwithout = ["evaluate"]\n'
        '[losses.gather]\nuse = "triplet_margin(z, digit)"\nminer = "distance_weighted"\n[phases.main]\nepochs = 1\n'
    )
    states = []
    for number in range(2):
        torch.manual_seed(number)  # which neither run asks
        states.append(semreg.run(path, out=tmp_path / str(number), device="cpu").modules["encoder"].state_dict())
    first, second = states
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_recipes_of_pages_that_name_its_components_are_recipes(tmp_path: Path) -> None:
    texts = [text for text in recipes_of("docs/recipes.md") if any(name in text for name in OPTIONAL)]
    assert texts
    for text in texts:
        assert not (found := mistake_of_toml(text, tmp_path)), found
