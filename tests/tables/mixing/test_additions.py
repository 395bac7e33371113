"""What `--with` means: losses wired to a recipe, partial recipes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
from torch import Tensor

from semreg.core import Role, UserError
from semreg.recipe.plan import Plan
from semreg.tables.mixing.additions import Addition, additions_of
from semreg.tables.mixing.carrier import class_carrier
from tests.tables.mixing.conftest import of_two_classes

Plans = Callable[..., Plan]


def added(plan: Plan, *texts: str, overrides: tuple[str, ...] = ()) -> list[Addition]:
    return additions_of(texts, plan, class_carrier(plan), overrides)


def refusal(plan: Plan, *texts: str) -> str:
    with pytest.raises(UserError) as refused:
        added(plan, *texts)
    return refused.value.text()


def test_a_loss_of_a_code_and_its_classes_trains_what_the_code_depends_on(plan: Plans) -> None:
    [addition] = added(plan(), "losses.pull")
    assert addition.table == {
        "losses": {"pull": {"use": "pull(z, kind)", "neighbors": "@kind.order", "classes": "@kind.classes"}},
        "phases": {"main": {"train": {"encoder": {"pull": 1.0}}}},
    }
    assert (addition.name, addition.title, addition.losses) == ("pull", "pull", {"pull"})
    assert addition.summary == "pull(z, kind) trains encoder, weight 1"


def test_of_several_steps_the_last_that_trains_the_module(two_codes: Plans) -> None:
    [addition] = added(two_codes(), "losses.pull=30")
    assert addition.table["losses"]["pull"]["use"] == "pull(z_s, kind)"
    assert addition.table["phases"] == {"main": {"steps": {"joint": {"train": {"encoder_s": {"pull": 30.0}}}}}}
    assert addition.title == "pull=30"


def test_in_every_phase_but_those_without_the_labels(plan: Plans) -> None:
    text = """
    order = ["main", "bare", "later"]
    data.split.unlabelled = 0.5
    [phases.bare]
    epochs = 1
    data.unlabelled = true
    train = { encoder = { rec = 1 } }
    [phases.later]
    epochs = 1
    train = { encoder = { rec = 1 }, decoder = { rec = 1 } }
    """
    reading, blind = added(plan(text), "losses.pull, losses.shrink", overrides=("losses.shrink.by=2",))
    assert list(reading.table["phases"]) == ["main", "later"]
    assert list(blind.table["phases"]) == ["main", "bare", "later"]


def test_a_loss_that_is_a_class_has_its_constructors_options(plan: Plans) -> None:
    [addition] = added(plan(), "losses.moving")
    assert addition.table["losses"]["moving"] == {"use": "moving(z, kind)", "many": "@kind.classes"}


def test_a_criterion_comes_as_a_module_that_is_trained_beside_its_code(two_codes: Plans) -> None:
    [addition] = added(two_codes(), "losses.proxies=2")
    assert addition.table == {
        "losses": {"proxies": {"use": "proxies(z_s, kind)"}},
        "modules": {"proxies": {"use": "proxies", "many": "@kind.classes"}},
        "phases": {
            "main": {"steps": {"joint": {"train": {"encoder_s": {"proxies": 2.0}, "proxies": {"proxies": 2.0}}}}}
        },
    }
    assert addition.summary == "proxies(z_s, kind) trains encoder_s, proxies, weight 2"
    taken = two_codes('modules.proxies={use="standard_normal", size=3}')
    assert "the recipe calls something else 'proxies'" in refusal(taken, "losses.proxies")


def test_options_of_the_users_are_hers(plan: Plans) -> None:
    own = ("losses.pull.classes=5", "losses.shrink.by=2", "losses.shrink.bypass=3")
    pulled, shrunk = added(plan(), "losses.pull", "losses.shrink", overrides=own)
    assert pulled.table["losses"]["pull"]["classes"] == "@kind.classes", "over which goes what --set says"
    assert shrunk.table["losses"]["shrink"] == {"use": "shrink(z)"}
    with pytest.raises(UserError, match="needs the option 'by'"):
        added(plan(), "losses.shrink", overrides=own[2:])


def test_roles_wire_a_loss_whatever_its_parameters_are_called(
    two_codes: Plans, register: Callable[[str, str, Any], None]
) -> None:
    def odd(
        code: Annotated[Tensor, Role.REST],
        b: Annotated[Tensor, Role.INPUT],
        c: Annotated[Tensor, Role.OUTPUT],
        d: Annotated[Tensor, Role.LABEL],
        *,
        labels: Annotated[int, Role.CLASSES] = 2,
        way: Annotated[str, Role.ORDER] = "none",
    ) -> Tensor:
        raise NotImplementedError

    register("loss", "odd", odd)
    [addition] = added(two_codes(), "losses.odd")
    assert addition.table["losses"]["odd"] == {
        "use": "odd(z_u, image, reconstruction, kind)", "labels": "@kind.classes",
    }  # fmt: skip
    said = ('model.prior={z_u="prior"}', 'model.posterior={z_u="posterior"}')
    [closed] = added(two_codes(*said), "losses.kl_divergence")
    assert closed.table["losses"]["kl_divergence"] == {"use": "kl_divergence(posterior, prior)"}
    [estimated] = added(two_codes(*said), "losses.kl_estimate")
    assert estimated.table["losses"]["kl_estimate"] == {"use": "kl_estimate(z_u, posterior, prior)"}


def test_the_code_of_a_loss_is_that_of_the_label_that_is_chosen(two_codes: Plans) -> None:
    plan = of_two_classes(two_codes(), "z_u")
    [addition] = additions_of(["losses.pull"], plan, class_carrier(plan, "style"))
    assert addition.table["losses"]["pull"] == {
        "use": "pull(z_u, style)", "neighbors": "@style.order", "classes": "@style.classes",
    }  # fmt: skip
    assert (
        "derived: [model] names several fields of classes, kind, style; choose one by --label; or write its inputs"
        in (refusal(plan, "losses.pull"))
    )


def test_the_classes_are_those_of_the_label_that_is_given(plan: Plans) -> None:
    [addition] = added(of_two_classes(plan(), "z"), "losses.pull(z, style)")
    assert addition.table["losses"]["pull"]["classes"] == "@style.classes"


def test_inputs_may_be_given(two_codes: Plans) -> None:
    first, second = added(two_codes(), "losses.l2(z_u, detach(z_u)), losses.cross_entropy(classifier(z_s), kind)=-0.5")
    assert first.summary == "l2(z_u, detach(z_u)) trains encoder, weight 1"
    assert second.table["losses"]["cross_entropy"] == {"use": "cross_entropy(classifier(z_s), kind)"}
    steps = second.table["phases"]["main"]["steps"]
    assert steps == {
        "joint": {"train": {"encoder_s": {"cross_entropy": -0.5}}},
        "class": {"train": {"classifier": {"cross_entropy": -0.5}}},
    }


def test_a_partial_recipe_from_here_or_from_the_recipes_folder(
    plan: Plans, toy: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "away").mkdir()
    path = tmp_path / "part.toml"
    path.write_text('losses.rec.reduction = "sum"\nlosses.more.use = "l1(reconstruction, image)"\n')
    for folder in (tmp_path, tmp_path / "away"):
        monkeypatch.chdir(folder)
        [addition] = added(plan(), "part.toml")
        assert addition.path is not None
        assert addition.path.resolve() == path
        assert (addition.name, addition.title, addition.losses) == ("part", "part", {"more"})


def test_what_is_refused_says_what_would_fit(plan: Plans, two_codes: Plans) -> None:
    one = plan()
    assert refusal(one, ",") == (
        "--with: no addition is given; write losses.NAME[=WEIGHT], or the name or path of a partial recipe"
    )
    assert refusal(one, "losses.a,losses.b", "losses.c,d.toml") == (
        "--with: 4 additions and their pairs make 11 recipes; expected at most 3"
    )
    assert refusal(one, "losses.pull,losses.pull=2") == "--with: 'pull' would be added twice"
    assert refusal(one, "losses.kl") == (
        "--with losses.kl: the recipe has a loss 'kl' already; its weights are changed by --set"
    )
    assert "no loss or criterion is called 'pul'; did you mean 'pull'?" in refusal(one, "losses.pul")
    assert "no loss or criterion is called 'sample': it is an operation of" in refusal(one, "losses.sample")
    assert "'x' is not a weight" in refusal(one, "losses.pull=x")
    assert "'0' is not a weight" in refusal(one, "losses.pull=0")
    assert "'nan' is not a weight" in refusal(one, "losses.pull=nan")
    assert "write losses.NAME, losses.NAME=WEIGHT or" in refusal(one, "losses.pull*2")
    assert refusal(one, "part.toml").startswith("--with part.toml: there is no recipe 'part.toml' or '/")
    assert refusal(one, "losses.cross_entropy") == (
        "--with losses.cross_entropy: its input 'logits' matches no role of [model]; write its inputs, "
        "losses.cross_entropy(logits, classes), with the recipe's names for them, or a partial recipe"
    )
    assert "it needs the option 'by'; give it by --set losses.shrink.by=VALUE" in refusal(one, "losses.shrink")
    assert "nothing in the recipe is called 'y'; expected one of:" in refusal(one, "losses.l1(y, z)")
    assert "'image+z' is neither a name nor a call" in refusal(one, "losses.l1(image+z, z)")
    assert "losses.l1(z, z) + 1: write losses.NAME" in refusal(one, "losses.l1(z, z) + 1")
    assert "depends on no module that the recipe trains" in refusal(one, "losses.l1(image, image)")


def test_roles_that_the_model_does_not_say_are_told_with_what_would_say_them(plan: Plans, two_codes: Plans) -> None:
    silent = plan('without = ["model"]')
    assert refusal(silent, "losses.pull") == (
        "--with losses.pull: its inputs can't be derived: [model] names no field of classes among its attributes; add "
        '`attributes = { label = "z" }` there, with the recipe\'s own names; or write its inputs, '
        "losses.pull(codes, labels), with the recipe's names for them"
    )
    assert '[model] doesn\'t say its code; add `code = ["z"]` there' in refusal(silent, "losses.shrink")
    assert "[model] says several, z_s, z_u; write which; or write its inputs, losses.shrink(z)" in refusal(
        two_codes(), "losses.shrink"
    )
    assert "[model] doesn't say its code of no attribute; add " in refusal(plan(), "losses.predictability")
    assert "[model] doesn't say its prior; add `prior = { z = " in refusal(plan(), "losses.kl_divergence")
    bare = replace(two_codes(), roles=replace(two_codes().roles, attributes={}))
    [addition] = added(bare, "losses.pull(z_u, kind)")
    assert addition.table["losses"]["pull"]["classes"] == "@kind.classes", "of an input that is written"


def test_a_row_that_each_writes_out_cannot_be_added_to(plan: Plans) -> None:
    text = """
    without = ["modules.encoder"]
    each.m = ["one"]
    [modules."encoder_{m}"]
    use = "mlp_encoder"
    outputs = 4
    hidden = [6]
    [tensors]
    posterior = "diagonal_gaussian(encoder_one(image))"
    [phases.main.train]
    "encoder_{m}" = { rec = 1 }
    """
    assert "the recipe writes the row of 'encoder_one' by [each]" in refusal(plan(text), "losses.pull")
