"""Eq. 8 as a recipe: the matrix of who trains whom is the paper's, and each loss moves its modules alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from semreg_uniform.losses import disentanglement
from torch.nn.functional import cross_entropy

from semreg.core import UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from semreg.training.build import build_modules, synthetic_batch
from semreg.training.program import Program
from semreg.training.trial import check_by_dry_run
from tests.training.moves import moved_by_one_iteration

RECIPES = Path(__file__).parents[3] / "recipes"
ATTRIBUTES = ("identity", "expression", "illumination")
GENERATOR = {"rec": 10, "cls_s": 1, "adv_g": 1}
NETWORKS = ("encoder_0", "'encoder_{m}'", "decoder", "'classifier_{m}'", "critic")
SMALL = [
    "fallback.data.size=16", "fallback.data.count=40", "fallback.modules.critic.layers=2",
    *(f"fallback.modules.{name}.width=2" for name in NETWORKS),
]  # fmt: skip


def equation_8(*attributes: str) -> dict[str, dict[str, float]]:
    return {
        **{f"encoder_{m}": {**GENERATOR, "cls_z": 1, "dis": 1} for m in attributes},
        "encoder_0": {**GENERATOR, "dis": 1},
        "decoder": GENERATOR,
        **{f"classifier_{m}": {f"cls_{m}": 1} for m in attributes},
        "critic": {"adv_d": 1, "gp": 10},
    }


def plan_of(recipe: str, *overrides: str, fallback: bool = True) -> Plan:
    return check(load_recipe(RECIPES / recipe, overrides), fallback=fallback)


def test_rates_and_sizes_are_the_papers_and_the_releases() -> None:
    table = load_recipe(RECIPES / "uniform_multipie.toml").table
    assert (table["data"]["size"], table["data"]["batch_size"], table["data"]["range"]) == (128, 16, [-1, 1])
    assert table["phases"]["main"]["epochs"] == 75
    schedule = {"use": "linear_decay", "start": 50}
    assert table["optimizer"] == {"use": "adam", "lr": 1e-4, "betas": [0.5, 0.999], "schedule": schedule}
    widths = {name: module["width"] for name, module in table["modules"].items()}
    assert widths.pop("critic") == 64
    assert set(widths.values()) == {32}
    assert (table["modules"]["decoder"]["blocks"], table["modules"]["critic"]["layers"]) == (6, 6)


def test_the_matrix_is_that_of_equation_8() -> None:
    plan = plan_of("uniform_multipie.toml")
    assert plan.matrix() == {"main": {"step": equation_8(*ATTRIBUTES)}}
    assert plan.warnings == []
    [step] = plan.phases[0].steps
    assert [set(backward.modules) for backward in step.backwards] == [
        {"encoder_0", "decoder", *(f"encoder_{m}" for m in ATTRIBUTES)},
        {"critic", *(f"classifier_{m}" for m in ATTRIBUTES)},
    ]


@pytest.mark.parametrize("rows", [1, 12])
def test_the_losses_are_equations_2_to_9(rows: int) -> None:
    plan = plan_of("uniform_multipie.toml", *SMALL)
    modules = build_modules(plan, seed=0)
    program = Program(plan, modules, key=(0,))
    execution = program.execution(synthetic_batch(plan.fields, plan.value_range, rows))
    found = {name: program.losses[name](execution) for name in plan.losses}
    x, y = execution["image"], {m: execution[m] for m in ATTRIBUTES}
    decode, critic, classify = (
        modules["decoder"],
        modules["critic"],
        {m: modules[f"classifier_{m}"] for m in ATTRIBUTES},
    )
    z_0, z = modules["encoder_0"](x), {m: modules[f"encoder_{m}"](x) for m in ATTRIBUTES}
    r = {m: execution[f"order_{m}"] for m in ATTRIBUTES}
    assert all(order.sort().values.equal(torch.arange(rows)) for order in r.values())
    assert rows == 1 or len({tuple(order.tolist()) for order in r.values()}) == len(ATTRIBUTES)
    x_s = decode(z_0, *(z[m][r[m]] for m in ATTRIBUTES))
    uniform = {
        code: [-classify[m].class_logits(values).log_softmax(1).mean() for m in ATTRIBUTES if m != code]
        for code, values in {"0": z_0, **z}.items()
    }
    expected = {
        "rec": (decode(z_0, *z.values()) - x).abs().mean(),
        "cls_z": sum(cross_entropy(classify[m].class_logits(z[m]), y[m]) for m in ATTRIBUTES) / 3,
        "dis": sum(sum(others) / len(others) for others in uniform.values()) / 4,
        "cls_s": sum(cross_entropy(classify[m](x_s), y[m][r[m]]) for m in ATTRIBUTES) / 3,
        "adv_g": -critic(x_s).mean(),
        "adv_d": critic(x_s).mean() - critic(x).mean(),
        **{f"cls_{m}": cross_entropy(classify[m](x), y[m]) for m in ATTRIBUTES},
    }
    assert str(plan.losses["gp"]) == "gradient_penalty(critic, image, detach(x_s))"
    assert set(found) == {*expected, "gp"}
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("loss", ["rec", "cls_z", "dis", "cls_s", "adv_g", "adv_d", "gp", "cls_{m}"])
def test_with_one_loss_alone_exactly_its_modules_move(loss: str) -> None:
    recipe = load_recipe(RECIPES / "uniform_multipie.toml")
    left_out = [f"losses.{name}" for name in recipe.table["losses"] if name != loss]
    plan = plan_of("uniform_multipie.toml", *SMALL, f"without={left_out}")
    losses = {loss.format(m=m) for m in ATTRIBUTES}
    assert set(plan.losses) == losses
    assert moved_by_one_iteration(plan) == {name for name, row in equation_8(*ATTRIBUTES).items() if losses & {*row}}


def test_all_together_move_all() -> None:
    plan = plan_of("uniform_multipie.toml", *SMALL)
    assert check_by_dry_run(plan) == []
    assert moved_by_one_iteration(plan) == set(plan.modules)


@pytest.mark.parametrize("attributes", [ATTRIBUTES[:1], ATTRIBUTES[:2], (*ATTRIBUTES, "gaze")])
def test_one_more_attribute_is_one_more_word(attributes: tuple[str, ...]) -> None:
    vary = [name for name in attributes if name != "identity"]
    changes = [f"each.m={list(attributes)}", f"fallback.data.vary={vary}", "without=['evaluate']"]
    plan = plan_of("uniform_multipie.toml", *SMALL, *changes)
    assert plan.matrix() == {"main": {"step": equation_8(*attributes)}}
    assert check_by_dry_run(plan) == []
    assert moved_by_one_iteration(plan) == set(plan.modules)


def test_of_one_attribute_without_a_rest_nothing_is_left_to_disentangle() -> None:
    plan = plan_of("uniform_ablation.toml", "each.m=['expression']", "without=['evaluate']")
    with pytest.raises(UserError) as refused:
        check_by_dry_run(plan)
    [problem] = refused.value.problems
    assert problem.where == "losses.dis"
    assert "disentanglement of one attribute needs z_0" in problem.message


def test_an_image_that_cannot_be_halved_twice_is_told() -> None:
    with pytest.raises(UserError) as refused:
        check_by_dry_run(plan_of("uniform_multipie.toml", *SMALL, "fallback.data.size=18"))
    assert "their sides must be divisible by 4, found (18, 18)" in refused.value.text()


def mistake_in_own_data(root: Path, *expressions: str) -> UserError:
    """What the paper's setting says of a table of as many images with these expressions."""
    rows = [f"{i}.png,train,{i % 2},{e},{i % 3}\n" for i, e in enumerate(expressions)]
    (root / "multipie").mkdir()
    (root / "multipie/labels.csv").write_text("file,split,identity,expression,illumination\n" + "".join(rows))
    with pytest.raises(UserError) as refused:
        check(load_recipe(RECIPES / "uniform_multipie.toml"), data_root=root)
    assert [path.name for path in root.rglob("*")] == ["multipie", "labels.csv"]
    return refused.value


def test_an_attribute_of_one_class_is_told(tmp_path: Path) -> None:
    [problem] = mistake_in_own_data(tmp_path, *["neutral"] * 6).problems
    assert problem.where == "modules.classifier_expression.classes"
    assert problem.message == "1: input should be greater than or equal to 2 (read from '@expression.classes')"


def test_an_image_without_a_label_is_told(tmp_path: Path) -> None:
    error = mistake_in_own_data(tmp_path, "neutral", "scream", "", "neutral")
    assert error.source == str(tmp_path / "multipie/labels.csv")
    [problem] = error.problems
    assert problem.where == "expression"
    assert problem.message == "line 4: there is no value; every image needs a class, be it one called 'unknown'"


def test_the_full_model_without_the_loss_lacks_nothing_else() -> None:
    full, without = (plan_of(f"uniform_multipie{name}.toml") for name in ("", "_without_dis"))
    [phase] = without.matrix().values()
    assert phase["step"] == {
        module: {loss: weight for loss, weight in row.items() if loss != "dis"}
        for module, row in equation_8(*ATTRIBUTES).items()
    }
    assert set(full.losses) - set(without.losses) == {"dis"}
    assert set(full.evaluations) == set(without.evaluations)


def test_the_mix_with_the_gm_prior_has_the_loss_of_one_attribute() -> None:
    small = ["modules.encoder_s.widths=[2]", "modules.encoder_u.widths=[2]", "modules.decoder.widths=[2]"]
    plan = plan_of("gm_mnist_uniform.toml", *small, "modules.critic.widths=[2]")
    assert plan.matrix() == plan_of("gm_mnist.toml").matrix()
    modules = build_modules(plan, seed=0)
    program = Program(plan, modules, key=(0,))
    execution = program.execution(synthetic_batch(plan.fields, plan.value_range))
    found = {name: program.losses[name](execution) for name in ("adv_c", "adv_e")}
    image, digit, classify = execution["image"], execution["digit"], modules["classifier"]
    torch.testing.assert_close(found["adv_c"], cross_entropy(classify(image), digit))
    torch.testing.assert_close(found["adv_e"], disentanglement(execution["z_u"], execution["z_u"], classify))


def test_the_ablation_has_encoders_and_classifiers_alone() -> None:
    encoders = {"encoder_expression": {"cls_z": 1, "dis": 1}, "encoder_illumination": {"cls_z": 1, "dis": 1}}
    classifiers = {f"classifier_{m}": {f"cls_{m}": 1} for m in ATTRIBUTES[1:]}
    assert plan_of("uniform_ablation.toml").matrix() == {"main": {"step": encoders | classifiers}}
    without = {name: {"cls_z": 1} for name in encoders}
    assert plan_of("uniform_ablation_without_dis.toml").matrix() == {"main": {"step": without | classifiers}}
