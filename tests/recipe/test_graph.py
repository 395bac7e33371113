"""Modules, tensors and losses: every name resolved, every option and input checked, no cycle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from semreg.recipe.plan import Plan, Read, uses

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]
PlanOf = Callable[..., Plan]
Mistakes = Callable[..., dict[str, str]]


def test_references_read_the_specification(toy: Toy, register: Register, plan_of: PlanOf) -> None:
    seen: dict[str, Any] = {}

    def loss(
        a: Tensor, *, names: list[str], order: str, marks: list[str], count: int, size: int, groups: Any
    ) -> Tensor:
        raise NotImplementedError

    register("loss", "toy_loss", loss)
    path = toy(
        """
        [losses.x]
        use = "toy_loss(z)"
        names = "@kind.names"
        order = "@kind.order"
        marks = "@marks.names"
        count = "@marks.count"
        size = "@point.size"
        groups = "@marks.exclusive"
        """
    )
    seen = dict(plan_of(path).losses["x"].options)
    assert seen == {
        "names": ["a", "b", "c"],
        "order": "line",
        "marks": ["round", "dark"],
        "count": 2,
        "size": 3,
        "groups": [["round", "dark"]],
    }
    assert plan_of(path).modules["decoder"].node.options["size"] == 4


def test_a_module_comes_before_a_component_of_its_name(toy: Toy, plan_of: PlanOf) -> None:
    path = toy('[modules.sigmoid]\nuse = "mlp_encoder"\noutputs = 3\n[tensors]\nsquashed = "sigmoid(z)"')
    plan = plan_of(path)
    assert "sigmoid" not in {component.name for component in plan.components()}
    assert list(map(str, plan.calls_of("sigmoid"))) == ["sigmoid(z)"]


def test_a_tensor_may_have_the_name_of_the_component_that_it_calls(toy: Toy, plan_of: PlanOf) -> None:
    path = toy('[tensors]\nsample = "sample(posterior)"\n[losses.s]\nuse = "l2(sample, z)"')
    plan = plan_of(path)
    found = uses([plan.losses["s"]], plan.tensors)
    assert found.read == {"sample", "z", "posterior", "image"}
    assert found.modules == {"encoder"}
    assert {call.name for call in found.calls if call.component} == {"l2", "sample", "diagonal_gaussian"}
    assert plan.fields_of([plan.losses["s"]]) == {"image"}


def test_tensors_read_twice_over_many_levels_are_looked_at_once(toy: Toy, plan_of: PlanOf) -> None:
    levels = "\n".join(f't{k} = "multiply(t{k - 1}, t{k - 1})"' for k in range(1, 60))
    text = f'[tensors]\nt0 = "detach(z)"\n{levels}\n[losses.s]\nuse = "l2(t59, z)"\n[phases.main.train]\nencoder.s = 1'
    plan = plan_of(toy(text))
    assert plan.fields_of([plan.losses["s"]]) == {"image"}
    assert plan.modules_of(plan.losses["s"]) == ["encoder"]


def test_tensors_may_call_losses_and_interpolators_and_read_modules(toy: Toy, plan_of: PlanOf) -> None:
    path = toy(
        '[tensors]\nerror = "l2(reconstruction, image)"\nmixed = "linear(z, z, error)"\nnoise = "draw_like(prior, z)"'
    )
    assert set(plan_of(path).tensors) >= {"error", "mixed", "noise"}


def test_a_tensor_may_be_another_name_for_one(toy: Toy, plan_of: PlanOf) -> None:
    assert plan_of(toy('[tensors]\ncode = "z"')).tensors["code"] == Read("z")


def test_unknown_names_are_told_with_the_closest(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(
        toy(
            """
            [tensors]
            a = "decoder(zz)"
            b = "decodr(z)"
            c = "sampel(posterior)"
            [losses.d]
            use = "l22(z, z)"
            [modules.e]
            use = "conv_encodr"
            """
        )
    )
    assert found.keys() == {"tensors.a", "tensors.b", "tensors.c", "losses.d", "modules.e"}
    assert "nothing is called 'zz'; did you mean 'z'?" in found["tensors.a"]
    assert "of the modules; did you mean 'decoder'" in found["tensors.b"]
    assert "did you mean 'sample'?" in found["tensors.c"]
    assert "did you mean 'l2'" in found["losses.d"]
    assert "'conv_encoder'" in found["modules.e"]


def test_a_component_of_another_kind_is_told_as_such(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(toy('[modules.e]\nuse = "l2"\n[tensors]\na = "mlp_encoder(image)"'))
    assert "it is a loss of semreg" in found["modules.e"]
    assert "it is an encoder of semreg" in found["tensors.a"]


def test_unknown_option_missing_option_wrong_type_and_range_come_together(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(
        toy(
            """
            [losses.rec]
            reduction = "max"
            margin = 3
            [modules.decoder]
            channels = "three"
            size = 0
            [modules.other]
            use = "conv_encoder"
            [tensors.s]
            use = "sigmoid(z)"
            temperature = -1.0
            """
        )
    )
    assert found.keys() == {
        "losses.rec.reduction", "losses.rec.margin", "modules.decoder.channels", "modules.decoder.size",
        "modules.other", "tensors.s.temperature",
    }  # fmt: skip
    assert "'max': input should be 'mean' or 'sum'" in found["losses.rec.reduction"]
    assert "l2 (semreg 0.1.0) has no option 'margin'" in found["losses.rec.margin"]
    assert "valid integer" in found["modules.decoder.channels"]
    assert "needs the option 'outputs'" in found["modules.other"]
    assert "-1.0: input should be greater than 0" in found["tensors.s.temperature"]


@pytest.mark.parametrize(
    "use", ["1 + z", "decoder(z, k=3)", "decoder(*z)", "z.mean()", "lambda: z", "decoder(0.5)", ""]
)
def test_anything_but_names_and_calls(toy: Toy, use: str, mistakes: Mistakes) -> None:
    assert set(mistakes(toy(), f"tensors.odd={use}")) == {"tensors.odd"}


def test_a_loss_must_call_something(toy: Toy, mistakes: Mistakes) -> None:
    assert "'z' calls nothing" in mistakes(toy(), "losses.kl.use=z")["losses.kl"]
    found = mistakes(toy('[tensors.t]\nuse = "z"\nscale = 2'))
    assert "'z' calls nothing" in found["tensors.t"]


def test_options_of_a_module_belong_to_the_module(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(toy('[tensors.again]\nuse = "decoder(z)"\nhidden = [3]'))
    assert "its options belong under modules.decoder" in found["tensors.again"]


def test_numbers_of_inputs(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(
        toy(
            """
            [tensors]
            a = "sigmoid(z, z)"
            b = "take(sigmoid(), z)"
            c = "encoder2(image, z)"
            [modules.encoder2]
            use = "timm_encoder"
            model = "resnet18"
            outputs = 1
            [losses.d]
            use = "l2(z, z, z)"
            """
        )
    )
    assert "sigmoid (semreg 0.1.0) takes (x); 2 given" in found["tensors.a"]
    assert "sigmoid (semreg 0.1.0) takes (x); 0 given, x missing" in found["tensors.b"]
    assert "encoder2 takes (images); 2 given" in found["tensors.c"]
    assert "takes (a, b); 3 given" in found["losses.d"]


def test_names_are_shared_by_tensors_modules_and_fields(toy: Toy, mistakes: Mistakes) -> None:
    tensors = '[tensors]\nencoder = "detach(image)"\nimage = "detach(z)"'
    found = mistakes(toy(f'[modules.kind]\nuse = "mlp_encoder"\noutputs = 1\n{tensors}'))
    assert "'kind' is a field of the data already" in found["modules.kind"]
    assert "'encoder' is a module already" in found["tensors.encoder"]
    assert "'image' is a field of the data already" in found["tensors.image"]


def test_names_must_be_readable(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(toy('[tensors]\n"a-b" = "detach(z)"\n[modules."1x"]\nuse = "mlp_encoder"\noutputs = 1'))
    assert "use letters, digits and '_'" in found["tensors.a-b"]
    assert "use letters, digits and '_'" in found["modules.1x"]


def test_cycles_are_told_once_each(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(
        toy(
            """
            [tensors]
            a = "detach(b)"
            b = "multiply(z, c)"
            c = "detach(a)"
            d = "detach(d)"
            e = "detach(a)"
            """
        )
    )
    assert found == {"tensors.a": "reads itself: a -> b -> c -> a", "tensors.d": "reads itself: d -> d"}


def test_references_that_lead_nowhere(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(
        toy(),
        "modules.encoder.outputs=@kid.classes",
        "modules.decoder.channels=@image.chanels",
        "modules.decoder.size=@image",
        "losses.rec.reduction=@point.names",
    )
    assert "the data have no field 'kid'; did you mean 'kind'?" in found["modules.encoder.outputs"]
    assert "image has no 'chanels'; did you mean 'channels'?" in found["modules.decoder.channels"]
    assert "'@image': image has no ''" in found["modules.decoder.size"]
    assert "point has no 'names'" in found["losses.rec.reduction"]


def test_a_reference_to_what_does_not_fit_is_named(toy: Toy, mistakes: Mistakes) -> None:
    found = mistakes(toy(), "modules.encoder.outputs=@kind.order", "losses.rec.reduction=@kind.classes")
    assert "'line'" in found["modules.encoder.outputs"]
    assert found["modules.encoder.outputs"].endswith(" (read from '@kind.order')")
    assert found["losses.rec.reduction"].endswith(" (read from '@kind.classes')")
    assert "read from" not in mistakes(toy(), "modules.encoder.outputs=none")["modules.encoder.outputs"]


def test_a_broken_plugin_is_named(toy: Toy, install: Callable[..., Path], mistakes: Mistakes) -> None:
    install("semreg-broken", {"semreg.losses": {"broken": "broken_module:loss"}}, broken_module="import nowhere_at_all")
    found = mistakes(toy(), "losses.rec.use=broken(z, z)")
    assert "semreg-broken 1.2" in found["losses.rec"]
    assert "pip uninstall semreg-broken" in found["losses.rec"]
