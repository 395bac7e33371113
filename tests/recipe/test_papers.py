"""Two of the papers on paper: the language carries them, with stand-ins for what their plugins will bring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.training.trial import check_by_dry_run
from tests.recipe.stand_ins import ATTRIBUTES, STAND_INS
from tests.training.moves import moved_by_one_iteration

PAPERS = Path(__file__).parent / "papers"


@pytest.fixture(autouse=True)
def stand_ins(register: Callable[[str, str, Any], None]) -> None:
    for stand_in in STAND_INS:
        register(*stand_in)


def plan_of(recipe: str, *overrides: str) -> Plan:
    return check(load_recipe(PAPERS / recipe, overrides))


# --- Zheng and Sun ---

ALGORITHM_1 = {
    "gm": {
        "encoder_s": {"gm": 1},
        "prior_s": {"gm": 1},
    },
    "joint": {
        "encoder_s": {"rec": 10, "lkd": 1},
        "encoder_u": {"rec": 10, "kl": 1, "adv_e": 1},
        "classifier": {"adv_c": 1},
        "decoder": {"rec": 10, "adv_g": 1},
        "critic": {"adv_d": 1},
    },
}


def test_the_gm_prior_paper_trains_whom_its_algorithm_says() -> None:
    plan = plan_of("gm_prior.toml")
    assert plan.matrix() == {"main": ALGORITHM_1}
    trained = {module for step in ALGORITHM_1.values() for module in step}
    assert trained == {"encoder_s", "prior_s", "encoder_u", "classifier", "decoder", "critic"}
    assert set(plan.modules) == trained | {"prior_u"}
    assert set(plan.losses) == {"gm", "rec", "lkd", "kl", "adv_e", "adv_c", "adv_g", "adv_d"}
    assert plan.warnings == []


def test_the_gm_prior_papers_steps_take_three_backwards_in_all() -> None:
    """One for the inner step, two for the joint one."""
    [phase] = plan_of("gm_prior.toml").phases
    inner, joint = phase.steps
    assert (inner.repeat, joint.repeat) == (3, 1)
    assert [backward.modules for backward in inner.backwards] == [("encoder_s", "prior_s")]
    # By its expression adv_g reaches encoder_u too, since draw_like reads z_u (its number of rows alone).
    assert [backward.modules for backward in joint.backwards] == [
        ("encoder_s", "encoder_u", "critic"),
        ("classifier", "decoder"),
    ]
    groups = phase.optimizers["prior_s"].groups
    assert [(pattern, schedule is not None) for pattern, _, schedule, _ in groups] == [("log_variances", True)]


def test_the_gm_prior_paper_runs_on_nothing() -> None:
    plan = plan_of("gm_prior.toml")
    assert check_by_dry_run(plan) == []
    assert moved_by_one_iteration(plan) == {"encoder_s", "prior_s", "encoder_u", "classifier", "decoder", "critic"}


# --- Oldfield, Panagakis and Nicolaou ---

GENERATOR = {"rec": 10, "shuffled": 1, "adv_g": 1}


def equation_8(*attributes: str) -> dict[str, dict[str, float]]:
    return {
        **{f"encoder_{m}": {**GENERATOR, f"code_{m}": 1, "dis": 1} for m in attributes},
        "encoder_0": {**GENERATOR, "dis": 1},
        "decoder": GENERATOR,
        **{f"classifier_{m}": {f"real_{m}": 1} for m in attributes},
        "critic": {"adv_d": 1},
    }


def test_the_uniform_paper_trains_whom_its_equation_8_says() -> None:
    plan = plan_of("uniform.toml")
    assert plan.matrix() == {"main": {"step": equation_8(*ATTRIBUTES)}}
    assert plan.warnings == []
    assert plan.tables.model is not None
    assert plan.tables.model.code == ["z_0", "z_identity", "z_expression", "z_illumination"]
    assert str(plan.tensors["x_s"]) == "decoder(z_0, zs_identity, zs_expression, zs_illumination)"
    assert str(plan.tensors["spread_expression"]) == (
        "toy_uniform(told_expression_identity, told_expression_illumination)"
    )


def test_the_uniform_papers_step_takes_two_backwards() -> None:
    [step] = plan_of("uniform.toml").phases[0].steps
    assert [set(backward.modules) for backward in step.backwards] == [
        {"encoder_0", "decoder", *(f"encoder_{m}" for m in ATTRIBUTES)},
        {"critic", *(f"classifier_{m}" for m in ATTRIBUTES)},
    ]


def test_the_uniform_paper_runs_on_nothing() -> None:
    plan = plan_of("uniform.toml")
    assert check_by_dry_run(plan) == []
    assert moved_by_one_iteration(plan) == set(plan.modules)


@pytest.mark.parametrize("attributes", [ATTRIBUTES[:2], ATTRIBUTES])
def test_one_more_attribute_is_one_more_word(attributes: tuple[str, ...]) -> None:
    plan = plan_of("uniform.toml", f"each.m={list(attributes)}")
    assert plan.matrix() == {"main": {"step": equation_8(*attributes)}}
    others = len(attributes) - 1
    assert sum(name.startswith("told_") for name in plan.tensors) == len(attributes) * (others + 1)


def test_the_classifiers_weights_do_not_move_for_the_encoders_losses() -> None:
    adversaries = ["phases.main.train.classifier_{m}", "phases.main.train.critic"]
    plan = plan_of("uniform.toml", f"without={adversaries}")
    assert moved_by_one_iteration(plan) == {"encoder_0", "decoder", *(f"encoder_{m}" for m in ATTRIBUTES)}
