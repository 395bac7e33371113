"""Algorithm 1 as a recipe: the matrix of who trains whom is the paper's, and each loss moves its modules alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from semreg.core import UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.training.trial import check_by_dry_run
from tests.training.moves import moved_by_one_iteration

RECIPES = Path(__file__).parents[3] / "recipes"
GM = {"encoder_s": {"gm": 1}, "prior_s": {"gm": 1}}
JOINT = {
    "encoder_s": {"rec": 10, "lkd": 1},
    "encoder_u": {"rec": 10, "kl": 0.05, "adv_e": 1},
    "classifier": {"adv_c": 1},
    "decoder": {"rec": 10, "adv_g": 1},
    "critic": {"adv_d": 1},
}
LOSSES = {"gm", "rec", "lkd", "kl", "adv_c", "adv_e", "adv_g", "adv_d"}
SMALL = [
    "data.size=16",
    *(f"modules.{name}.{key}" for name in ("encoder_s", "encoder_u") for key in ("widths=[4, 4]", "hidden=[]")),
    "modules.decoder.widths=[4, 4]", "modules.decoder.hidden=[]", "modules.critic.widths=[4, 4]",
    "modules.classifier.hidden=[8]",
]  # fmt: skip


def plan_of(recipe: str, *overrides: str) -> Plan:
    return check(load_recipe(RECIPES / recipe, overrides))


def test_the_matrix_is_that_of_algorithm_1() -> None:
    plan = plan_of("gm_mnist.toml")
    assert plan.matrix() == {"main": {"gm": GM, "joint": JOINT}}
    assert set(plan.losses) == LOSSES
    assert plan.warnings == []
    gm, joint = plan.phases[0].steps
    assert (gm.repeat, len(gm.backwards)) == (3, 1)
    assert len(joint.backwards) == 3  # the critic's scores of one forward pass serve both players
    groups = plan.phases[0].optimizers["prior_s"].groups
    assert [(pattern, schedule is not None) for pattern, _, schedule, _ in groups] == [("log_variances", True)]


def test_without_the_critic_its_losses_alone_are_missing() -> None:
    plan = plan_of("gm_mnist_without_critic.toml")
    joint = {name: dict(row) for name, row in JOINT.items() if name != "critic"}
    del joint["decoder"]["adv_g"]
    assert plan.matrix() == {"main": {"gm": GM, "joint": joint}}
    assert set(plan.modules) == {*joint, "prior_s", "prior_u"}
    assert plan.warnings == []


def test_perturbed_codes_are_what_is_decoded_and_judged_in_training_alone() -> None:
    ours, plan = plan_of("gm_mnist.toml", *SMALL), plan_of("gm_mnist_perturbed.toml", *SMALL)
    assert plan.matrix() == ours.matrix()
    assert plan.modules["prior_s"].node.options["variance_floor"] > 1e-4
    assert str(plan.tensors["x_f"]) == str(ours.tensors["x_f"])
    assert check_by_dry_run(plan) == []


def test_the_mix_with_atnl_adds_one_loss_to_one_module_in_ten_lines() -> None:
    written = (RECIPES / "atnl_gm_mnist.toml").read_text().split("\n\n", 1)[1].splitlines()
    assert len([line for line in written if line and not line.startswith("extends")]) <= 10
    joint = {**JOINT, "encoder_s": {**JOINT["encoder_s"], "atnl": 30}}
    assert plan_of("atnl_gm_mnist.toml").matrix() == {"main": {"gm": GM, "joint": joint}}


def test_unlabelled_images_train_without_what_reads_labels() -> None:
    plan = plan_of("gm_semi.toml")
    labelled, unlabelled = plan.phases
    assert (labelled.split, unlabelled.split) == ("train", "unlabelled")
    assert plan.modules["prior_s"].node.options["classes"] == 8
    assert plan.matrix()["main"] == {"gm": GM, "joint": JOINT}
    assert plan.matrix()["unlabelled"]["joint"] == {
        "encoder_s": {"rec": 10, "lkd_unlabelled": 1},
        "encoder_u": {"rec": 10, "kl": 0.05},
        "decoder": {"rec": 10, "adv_g_unlabelled": 1},
        "critic": {"adv_d_unlabelled": 1},
    }


@pytest.mark.parametrize("method", ["cvae", "cgan", "cvae_gan"])
def test_the_conditional_methods_differ_from_ours_in_what_they_leave_out(method: str) -> None:
    ours, plan = plan_of("gm_mnist.toml"), plan_of(f"conditional/{method}.toml")
    assert check_by_dry_run(plan) == []
    assert set(plan.modules) < set(ours.modules)
    assert set(plan.losses) < set(ours.losses)
    for name, module in plan.modules.items():
        assert module.node.options == ours.modules[name].node.options


def test_it_trains_all_but_the_fixed_prior() -> None:
    plan = plan_of("gm_mnist.toml", *SMALL)
    assert check_by_dry_run(plan) == []
    assert moved_by_one_iteration(plan) == set(plan.modules) - {"prior_u"}


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_with_one_loss_alone_exactly_its_modules_move(loss: str) -> None:
    step, rows = ("gm", GM) if loss == "gm" else ("joint", JOINT)
    trained = {name for name, row in rows.items() if loss in row}
    other = "phases.main.steps." + ("joint" if step == "gm" else "gm")
    left_out = [other, *(f"losses.{name}" for name in sorted(LOSSES - {loss}))]
    plan = plan_of("gm_mnist.toml", *SMALL, f"without={left_out}")
    assert moved_by_one_iteration(plan) == trained


def test_fewer_components_than_classes_are_told_at_the_loss() -> None:
    with pytest.raises(UserError) as refused:
        check_by_dry_run(plan_of("gm_mnist.toml", *SMALL, "modules.prior_s.classes=2"))
    [problem] = refused.value.problems
    assert problem.where == "losses.gm"
    assert "there are 2 classes, 0 to 1; found labels from 0 to 3" in problem.message
