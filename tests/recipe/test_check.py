"""`check` as a whole: data and fallbacks, evaluations, what encode and decode mean; all mistakes at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
import torch
from torch import nn

from semreg.core import ClassField, DataMissing, Result, Role, UserError
from semreg.recipe.check import check, check_all
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan
from tests.conftest import ToyData

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]
PlanOf = Callable[..., Plan]
Mistakes = Callable[..., dict[str, str]]


def test_requirements_that_are_not_installed(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(toy(), "requires=['semreg', 'semreg-no-such-plugin']")
    assert found == {"requires": "semreg-no-such-plugin is not installed; pip install semreg-no-such-plugin"}


def test_a_recipe_is_not_called_as_results_on_validation_images_are_kept(toy: Toy) -> None:
    path = toy("", "recipe@validation.toml")
    with pytest.raises(UserError, match=r"called 'recipe@validation': results on validation images .* rename the file"):
        check(load_recipe(path))
    assert check(load_recipe(toy("", "recipe@validation.of.june.toml"))).name == "recipe@validation.of.june"


def judged(code: Any, *, strength: float = 1.0, judge: Any) -> Result:
    raise NotImplementedError


def unjudged(code: Any, *, strength: float = 1.0, generator: torch.Generator | None = None) -> Result:
    raise NotImplementedError


def apart(
    *codes: Annotated[Any, Role.CODE], names: Sequence[str], strength: float = 1.0, generator: Any = None
) -> Result:
    raise NotImplementedError


def test_comparisons_read_one_tensor(toy: Toy, register: Register, mistakes: Mistakes, plan_of: PlanOf) -> None:
    register("comparison", "apart", apart)
    register("evaluation", "unjudged", unjudged)
    plan = plan_of(toy(), "compare.a={use='apart', across=true}", "compare.b={use='apart(image)', strength=2.0}")
    assert [(str(one.node), one.across) for one in plan.comparisons.values()] == [
        ("apart(z)", True),
        ("apart(image)", False),
    ]
    assert "apart" in {component.name for component in plan.components()}
    assert plan.trained_part().comparisons == {}
    mistaken = {
        "same": "{use='apart(z)'}",
        "two": "{use='apart(z, image)'}",
        "none": "{use='apart(zz)'}",
        "module": "{use='apart(encoder)'}",
        "options": "{use='apart(z)', names=['a'], strength='much'}",
        "evaluation": "{use='unjudged(z)'}",
        "'a/b'": "{use='apart(z)'}",
    }
    found = mistakes(toy(), "evaluate.same.use='unjudged(z)'", *(f"compare.{key}={it}" for key, it in mistaken.items()))
    assert "'same' is an evaluation, too" in found["compare.same"]
    assert "compares one tensor of several runs; z, image are given" in found["compare.two"]
    assert "nothing is called 'zz'; did you mean 'z'?" in found["compare.none"]
    assert "nothing is called 'encoder'" in found["compare.module"]
    assert "apart (this process) has no option 'names'" in found["compare.options.names"]
    assert "'much': input should be a valid number" in found["compare.options.strength"]
    assert "no comparison is called 'unjudged': it is an evaluation" in found["compare.evaluation"]
    assert "names a folder of the table" in found["compare.a/b"]


def test_evaluations_and_their_judges(toy: Toy, register: Register, mistakes: Mistakes, plan_of: PlanOf) -> None:
    register("evaluation", "judged", judged)
    register("evaluation", "unjudged", unjudged)
    toy("", "judge.toml")
    plan = plan_of(toy(), "evaluate.a={use='judged(z)', judge='judge.toml', strength=2.0}")
    assert plan.evaluations["a"].judge is not None
    assert plan.evaluations["a"].judge.name == "judge.toml"
    found = mistakes(
        toy(
            """
            [evaluate.a]
            use = "judged(z)"
            [evaluate.b]
            use = "unjudged(z)"
            judge = "judge.toml"
            [evaluate.c]
            use = "judged(zz)"
            judge = "juge.toml"
            [evaluate.d]
            use = "unjudged(detach(z))"
            [evaluate.e]
            use = "unjudgd(z)"
            [evaluate.f]
            use = "unjudged(z, z)"
            strenth = 3.0
            """
        )
    )
    assert "needs 'judge', the recipe of an independent classifier" in found["evaluate.a"]
    assert "uses no judge" in found["evaluate.b.judge"]
    assert "nothing is called 'zz'; did you mean 'z'?" in found["evaluate.c"]
    assert "there is no recipe" in found["evaluate.c.judge"]
    assert "'unjudged(detach(z))' is not an evaluation called with names" in found["evaluate.d"]
    assert "did you mean 'unjudged'" in found["evaluate.e"]
    assert "takes (code); 2 given" in found["evaluate.f"]
    assert "did you mean 'strength'?" in found["evaluate.f.strenth"]


def test_labels_of_evaluations_are_fields_of_classes_and_in_an_order_where_one_is_wanted(
    toy: Toy, register: Register, mistakes: Mistakes, plan_of: PlanOf
) -> None:
    def ordered(code: Any, label: Annotated[Any, Role.LABEL, Role.ORDER]) -> Result:
        raise NotImplementedError

    def marked(code: Any, marks: Annotated[Any, Role.ATTRIBUTES]) -> Result:
        raise NotImplementedError

    register("evaluation", "ordered", ordered)
    register("evaluation", "marked", marked)
    found = mistakes(toy(), "evaluate.a.use='ordered(z, z)'", "evaluate.b.use='marked(z, kind)'")
    assert "takes a field of classes, and 'z' is none; expected one of: kind" in found["evaluate.a"]
    assert "takes a field of binary labels, and 'kind' is none; expected one of: marks" in found["evaluate.b"]
    assert plan_of(toy(), "evaluate.a.use='ordered(z, kind)'", "evaluate.b.use='marked(z, marks)'").evaluations

    class Unordered(ToyData):
        def specification(self) -> Any:
            return super().specification() | {"kind": ClassField(("a", "b", "c"))}

    register("dataset", "unordered", Unordered)
    found = mistakes(toy(), "data.use='unordered'", "evaluate.a.use='ordered(z, kind)'")
    assert "those of 'kind' have none; say it under [data], as in orders = { kind = \"ring\" }" in found["evaluate.a"]


def test_validation_images_are_cut_by_a_field_of_classes(toy: Toy, mistakes: Mistakes, plan_of: PlanOf) -> None:
    by = "data.split.validation={{amount={}, by='{}'}}".format
    assert "'knd'; did you mean 'kind'?" in mistakes(toy(), by(0.1, "knd"))["data.split.validation.by"]
    assert "no field of classes is called 'marks'" in mistakes(toy(), by(0.1, "marks"))["data.split.validation.by"]
    assert "greater than 0" in mistakes(toy(), by(0, "kind"))["data.split.validation.amount"]
    found = mistakes(toy(), "data.split.validation={amount=3, bye='kind'}")
    assert "did you mean 'by'?" in found["data.split.validation.bye"]
    assert plan_of(toy(), by(3, "kind")).data.split.model_dump(exclude_unset=True) == {
        "validation": {"amount": 3, "by": "kind"}
    }


def test_the_model_names_a_field_and_tensors(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(toy(), "model.input=imge", "model.code=['zz']", "model.output=reconstructon")
    assert "did you mean 'image'?" in found["model.input"]
    assert "did you mean 'z'?" in found["model.code.0"]
    assert "did you mean 'reconstruction'?" in found["model.output"]
    assert "model.input" in mistakes(toy(), "model.input=z")


def test_data_that_are_wrong_or_missing(
    toy: Toy, register: Register, tmp_path: Path, mistakes: Mistakes, plan_of: PlanOf
) -> None:
    assert "did you mean 'toy'?" in mistakes(toy(), "data.use=tooy")["data"]
    assert "has no option 'cont'; did you mean 'count'?" in mistakes(toy(), "data.cont=3")["data.cont"]
    plan = plan_of(toy(), "data.missing=true", data_root=tmp_path)
    assert plan.missing is not None
    assert "looked for toy.bin" in plan.missing.text()

    class Refusing:
        def __init__(self, *, size: int = 3) -> None:
            raise ValueError(f"no pictures of {size} pixels")

    register("dataset", "refusing", Refusing)
    assert mistakes(toy(), "data={use='refusing'}")["data"] == "no pictures of 3 pixels (refusing, this process)"


def test_the_recipe_and_its_fallback_are_both_checked(toy: Toy, plan_of: PlanOf) -> None:
    path = toy('[data]\nmissing = true\n[fallback.data]\nmissing = false\n[fallback.losses.rec]\nreduction = "mx"')
    path.write_text(f'extends = "base.toml"\n{path.read_text()}')
    assert plan_of(path).missing is not None
    with pytest.raises(UserError, match=r"recipe\.toml, with its fallback: 1 error\n  losses\.rec\.reduction  'mx'"):
        check_all(load_recipe(path))
    assert check_all(load_recipe(path), fallback=False).missing is not None, "the fallback is left unchecked"
    good = load_recipe(path, ["fallback.losses.rec.reduction=sum"])
    assert check_all(good).losses["rec"].options == {}
    assert check(good, fallback=True).losses["rec"].options == {"reduction": "sum"}


def test_options_set_for_the_recipe_s_data_are_not_asked_of_its_fallback(toy: Toy, tmp_path: Path) -> None:
    path = toy("")
    path.write_text('extends = "base.toml"\ndata = { use = "npz", path = "own.npz" }\nfallback.data.use = "toy"')
    plan = check_all(load_recipe(path, ["data.path=other.npz", "data.batch_size=7"]), data_root=tmp_path)
    assert plan.missing is not None
    assert "looked for other.npz" in plan.missing.text()
    assert plan.data.use == "toy"
    assert plan.data.batch_size == 7
    assert "path" not in plan.table["data"], "it is written with the run, and read again"
    odd = load_recipe(path, ["data=3", "data.use=toy", "data.path=other.npz"])
    assert "path" not in check(odd, data_root=tmp_path, fallback=True).table["data"]
    with pytest.raises(UserError, match="has no option 'path'"):
        check(load_recipe(path, ["fallback.data.path=other.npz"]), data_root=tmp_path, fallback=True)


def test_where_even_the_fields_are_unknown_the_fallback_is_the_plan(toy: Toy, register: Register) -> None:
    class Absent:
        def specification(self) -> Any:
            raise DataMissing("", "Absent not found under ./data (looked for it)")

    register("dataset", "absent", Absent)
    path = toy()
    path.write_text('extends = "base.toml"\ndata.use = "absent"\nfallback.data.use = "toy"')
    plan = check_all(load_recipe(path))
    assert plan.fallback
    assert plan.missing is not None
    assert plan.missing.text() == "Absent not found under ./data (looked for it)"
    path.write_text('extends = "base.toml"\ndata.use = "absent"')
    with pytest.raises(DataMissing):
        check_all(load_recipe(path))


def test_modules_that_nothing_uses_are_warned_of(toy: Toy, register: Register, plan_of: PlanOf) -> None:
    def looking(module: nn.Module) -> Result:
        raise NotImplementedError

    register("evaluation", "looking", looking)
    text = '[modules.spare]\nuse = "mlp_encoder"\noutputs = 1\n'
    assert plan_of(toy(text)).warnings == ["modules.spare is never used"]
    assert plan_of(toy(text + '[evaluate.look]\nuse = "looking(spare)"')).warnings == []


def test_a_watch_names_tensors_and_phases_name_its_pictures(toy: Toy, mistakes: Mistakes, plan_of: PlanOf) -> None:
    plan = plan_of(toy('[watch]\ntensors = ["image", "reconstruction"]'))
    assert (plan.tables.watch.every, plan.tables.watch.images) == (5, 8)  # type: ignore[union-attr]
    found = mistakes(toy('[watch]\ntensors = ["reconstructoin", "kind", "z", "encoder"]'))
    assert found.keys() == {"watch.tensors.0", "watch.tensors.1", "watch.tensors.3"}
    assert found["watch.tensors.0"] == "there is no tensor 'reconstructoin'; did you mean 'reconstruction'?"
    assert "'kind' is a field without images; expected one of: image," in found["watch.tensors.1"]
    path = toy('[watch]\ntensors = ["z"]\n[phases."a/b"]\nepochs = 1\ntrain = { decoder = { rec = 1 } }')
    assert "'a/b' names pictures of `[watch]`; use letters" in mistakes(path)["phases.a/b"]
