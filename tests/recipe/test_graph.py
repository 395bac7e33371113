"""Modules, tensors and losses: every name resolved, every option and input checked, no cycle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.recipe.plan import Plan, Read
from tests.projects import SEMREG

Toy = Callable[..., Path]
Register = Callable[[str, str, Any], None]
PlanOf = Callable[..., Plan]
Mistakes = Callable[..., dict[str, str]]


def test_a_module_comes_before_a_component_of_its_name(toy: Toy, plan_of: PlanOf) -> None:
    path = toy('[modules.sigmoid]\nuse = "mlp_encoder"\noutputs = 3\n[tensors]\nsquashed = "sigmoid(z)"')
    plan = plan_of(path)
    assert "sigmoid" not in {component.name for component in plan.components()}
    assert list(map(str, plan.calls_of("sigmoid"))) == ["sigmoid(z)"]


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
    assert f"l2 ({SEMREG}) has no option 'margin'" in found["losses.rec.margin"]
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
    assert f"sigmoid ({SEMREG}) takes (x); 2 given" in found["tensors.a"]
    assert f"sigmoid ({SEMREG}) takes (x); 0 given, x missing" in found["tensors.b"]
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
