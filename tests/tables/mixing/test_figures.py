"""Which evaluations mixes are ranked by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest

from semreg.core import Reads, Result, UserError
from semreg.evaluation.standard import reconstructions
from semreg.recipe.plan import Plan
from semreg.tables.mixing.carrier import class_carrier
from semreg.tables.mixing.figures import Figures, figures_of
from tests.tables.mixing.conftest import of_two_classes

Plans = Callable[..., Plan]


@pytest.fixture(autouse=True)
def order(register: Callable[[str, str, Any], None]) -> None:
    """Evaluations as plugins bring them."""

    def judged(code: Any, *labels: Any, judge: Annotated[Any, Reads("probability")] = None) -> Result:
        raise NotImplementedError

    def compared(code: Any, label: Any, *, judge: Annotated[Any, Reads("features")] = None) -> Result:
        raise NotImplementedError

    register("evaluation", "judged", judged)
    register("evaluation", "compared", compared)


JUDGE = 'evaluate.seen={ use = "judged(z, kind)", judge = "base.toml", judge_data = { count = 30 } }'


def of(plan: Plan, label: str | None = None) -> Figures:
    return figures_of(plan, class_carrier(plan, label))


def test_a_recipe_without_evaluations_gets_what_its_model_tells(plan: Plans) -> None:
    figures = of(plan())
    assert figures.evaluations == {
        "probe": {"use": "linear_probe(z, kind)"},
        "reconstruction": {"use": "reconstructions(image, reconstruction)"},
    }
    assert figures.ranked == (("probe.accuracy", True), ("reconstruction.mean_squared_error", False))
    assert figures.left_out == (
        "No leakage: the recipe has one code.",
        "No order: no evaluation of the recipe asks a judge which kind an image shows.",
    )
    assert figures.tensors == {}


def test_they_are_the_same_whatever_the_recipe_evaluates(two_codes: Plans) -> None:
    """Figures of different recipes can be compared, and a recipe's own options are its own affair."""
    own = (
        "evaluate.probe={ use = 'linear_probe(z_u, kind)', penalty = 2.0 }",
        "evaluate.leak={ use = 'leakage(z_s, kind)' }",
        "evaluate.copies={ use = 'reconstructions(image, reconstruction)', count = 7 }",
        "evaluate.seen={ use = 'semantic_order(z_u, kind, reconstruction, image)', judge = 'base.toml', pairs = 3 }",
    )
    figures = of(two_codes(*own))
    assert figures.evaluations == {
        "probe": {"use": "linear_probe(z_s, kind)"},
        "leakage": {"use": "leakage(z_u, kind)"},
        "order": {"use": "semantic_order(z_s, kind, reconstruction, image, z_u)", "judge": "base.toml"},
        "reconstruction": {"use": "reconstructions(image, reconstruction)"},
    }
    assert [ranked.figure for ranked in figures.ranked] == [
        "probe.accuracy", "leakage.mlp_means", "order.linear_in_order", "reconstruction.mean_squared_error",
    ]  # fmt: skip


def test_leakage_is_of_the_other_codes(two_codes: Plans) -> None:
    assert of(two_codes()).evaluations["leakage"] == {"use": "leakage(z_u, kind)"}
    three = two_codes('tensors.z_v="encoder_s(image)"', 'model.code=["z_s", "z_u", "z_v"]')
    figures = of(three)
    assert figures.evaluations["leakage"] == {"use": "leakage(other_codes_joined, kind)"}
    assert figures.tensors == {"other_codes_joined": "concatenate(z_u, z_v)"}


def test_all_are_of_the_label_that_is_chosen(two_codes: Plans) -> None:
    plan = of_two_classes(two_codes(), "z_u")
    figures = of(plan, "style")
    assert figures.evaluations["probe"] == {"use": "linear_probe(z_u, style)"}
    assert figures.evaluations["leakage"] == {"use": "leakage(z_s, style)"}
    assert "No order: the classes of style have no order." in figures.left_out
    unsaid = "No probe, leakage, order: [model] names several fields of classes, kind, style; choose one by --label."
    assert of(plan).left_out == (unsaid,)


def test_order_of_a_single_code_asks_the_recipes_judge(plan: Plans) -> None:
    figures = of(plan("", JUDGE))
    assert figures.evaluations["order"] == {
        "use": "semantic_order(z, kind, reconstruction, image)", "judge": "base.toml", "judge_data": {"count": 30},
    }  # fmt: skip
    assert figures.ranked[1] == ("order.linear_in_order", True)


def test_order_of_several_codes_is_of_these_side_by_side(two_codes: Plans) -> None:
    figures = of(two_codes(JUDGE))
    assert figures.evaluations["order"]["use"] == "semantic_order(z_s, kind, reconstruction, image, z_u)"
    assert figures.tensors == {}
    made = two_codes(JUDGE, 'tensors.reconstruction="decoder(multiply(z_u, z_u), z_s)"')
    assert of(made).evaluations["order"] == figures.evaluations["order"], "however the codes become an image"


def test_the_judge_is_one_that_the_recipe_asks_for_the_class(plan: Plans, toy: Callable[..., Path]) -> None:
    toy("", "other.toml")
    other = 'evaluate.{}={{ use = "{}", judge = "other.toml" }}'
    strangers = [other.format("far", "compared(z, kind)"), other.format("near", "judged(z)")]
    plans = plan('[evaluate.far]\nuse = "tsne(z, kind)"\n', *strangers)
    assert "No order: no evaluation of the recipe asks a judge which kind an image shows." in of(plans).left_out
    assert of(plan("", *strangers, JUDGE)).evaluations["order"]["judge"] == "base.toml"
    twice = JUDGE.replace("evaluate.seen", "evaluate.again")
    assert of(plan("", JUDGE, twice)).evaluations["order"]["judge"] == "base.toml"
    several = of(plan("", JUDGE, other.format("more", "judged(z, kind)"))).left_out
    assert several[-1] == (
        "No order: the recipe's evaluations ask several judges which kind an image shows, base.toml, other.toml."
    )


def test_a_figure_whose_evaluation_says_no_direction_is_left_out(plan: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(reconstructions, "better")
    figures = of(plan())
    assert (
        "No reconstruction: reconstructions doesn't say whether a high or a low mean_squared_error is good."
        in figures.left_out
    )
    assert list(figures.evaluations) == ["probe"]


def test_order_is_left_out_with_the_reason(plan: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    def why(plan: Plan) -> str:
        return " ".join(text for text in of(plan).left_out if text.startswith("No order"))

    assert "reconstruction depends on more than the code" in why(
        plan("", JUDGE, 'tensors.reconstruction="decoder(z, point)"')
    )
    spatial = plan("", JUDGE, 'modules.encoder={ use = "conv_encoder", head = "maps", widths = [2], outputs = 4 }')
    assert "No probe, order: z is not a vector; its shape is (2, 2, 2)." in of(spatial).left_out
    monkeypatch.setattr("semreg.tables.mixing.figures.components", lambda kind: [])
    assert "no installed plugin brings semantic_order; semreg-atnl does" in why(plan("", JUDGE))


def test_a_recipe_that_can_have_no_figure_is_refused(plan: Plans) -> None:
    with pytest.raises(UserError) as refused:
        of(plan('without = ["model"]'))
    assert refused.value.text().endswith(
        "there is nothing to rank mixes by. No probe, leakage, order: [model] names no field of classes among its "
        'attributes; add `attributes = { label = "z" }` there, with the recipe\'s own names. '
        "No reconstruction: the [model] of the recipe says no input or no output."
    )
    bare = 'without = ["model.input", "model.output"]'
    assert of(plan(bare)).evaluations == {"probe": {"use": "linear_probe(z, kind)"}}


def test_an_output_that_is_no_image_is_not_reconstructed(plan: Plans) -> None:
    assert "No reconstruction: the output, z, is not an image like image." in of(plan('model.output = "z"')).left_out
