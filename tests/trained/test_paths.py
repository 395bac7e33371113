"""Interpolators found by name, made with options, fitted where they want it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from semreg.core import Result, UserError
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.trained.paths import InterpolatorChoice, chosen_interpolators, interpolator, strips
from semreg.trained.run import TensorHandle

Register = Callable[[str, str, Any], None]
CODES, LABELS = torch.randn(6, 2), torch.arange(6)


def bent(a: Tensor, b: Tensor, weight: Tensor | float, *, power: float = 1.0) -> Tensor:
    return torch.lerp(a, b, weight**power)


class Remembering:
    def __init__(self, *, steps: int = 3) -> None:
        self.steps = steps
        self.fitted: list[Any] = []

    def fit(self, codes: Tensor, labels: Tensor, order: str) -> None:
        self.fitted.append((codes, labels, order))

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        return torch.lerp(a, b, weight)


@pytest.fixture(autouse=True)
def _registered(register: Register) -> None:
    register("interpolator", "bent", bent)
    register("interpolator", "remembering", Remembering)


def test_a_function_gets_its_options() -> None:
    path = interpolator("bent", {"power": 2.0}, CODES, LABELS, "ring")
    assert path(torch.zeros(1, 1), torch.ones(1, 1), torch.tensor(0.5)).item() == 0.25


def test_a_class_is_made_with_its_options_and_fitted_on_training_codes() -> None:
    path: Any = interpolator("remembering", {"steps": 7}, CODES, LABELS, "line")
    assert path.steps == 7
    assert path.fitted == [(CODES, LABELS, "line")]


def test_several_by_name_in_order() -> None:
    made = chosen_interpolators(["remembering", {"use": "bent", "power": 3.0}, "linear"], CODES, LABELS, "none")
    assert list(made) == ["remembering", "bent", "linear"]
    assert made["bent"](torch.zeros(1, 1), torch.ones(1, 1), torch.tensor(0.5)).item() == 0.125


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (["lineer"], "no interpolator is called 'lineer'; did you mean 'linear'"),
        ([{"use": "bent", "pwer": 2.0}], "has no option 'pwer'; did you mean 'power'"),
        ([{"use": "bent", "power": "much"}], "bent.power: 'much': input should be a valid number"),
        ([{"use": "bent", "a": 2.0}], "has no option 'a'"),
        ([{"power": 2.0}], "named by 'use'"),
        (["bent", {"use": "bent", "power": 2.0}], "'bent' is named twice"),
        ([], "at least one"),
    ],
    ids=["name", "option", "type", "input", "use", "twice", "none"],
)
def test_bad_choices_are_told(choices: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chosen_interpolators(choices, CODES, LABELS, "ring")


def test_an_unknown_interpolator_in_a_recipe_is_told_before_training(
    toy: Callable[..., Path], register: Register
) -> None:
    def walking(code: TensorHandle, *, interpolators: list[InterpolatorChoice]) -> Result:
        return Result()

    register("evaluation", "walking", walking)
    path = toy('[evaluate.walk]\nuse = "walking(z)"\ninterpolators = ["bent", "strait"]')
    with pytest.raises(UserError, match=r"evaluate\.walk\.interpolators.*no interpolator is called 'strait'"):
        check(load_recipe(path))


def test_strips_go_in_equal_steps_from_end_to_end() -> None:
    a, b = torch.tensor([[0.0, 1.0], [4.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 8.0]])
    codes = strips(interpolator("linear", {}, CODES, LABELS, "none"), a, b, 5)
    assert codes.shape == (2, 5, 2)
    assert torch.equal(codes[:, 0], a)
    assert torch.equal(codes[:, -1], b)
    assert codes[1, :, 0].tolist() == [4, 3, 2, 1, 0]
