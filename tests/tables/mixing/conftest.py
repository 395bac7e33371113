"""Recipes with one code and with two, on toy data, and a loss to add to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan

TWO_CODES = """
without = ["phases.main.train"]

[model]
code = ["z_s", "z_u"]

[modules.encoder_s]
use = "mlp_encoder"
outputs = 3
hidden = [6]

[modules.classifier]
use = "mlp_encoder"
outputs = 3
hidden = []

[tensors]
z_s = "encoder_s(image)"
z_u = "sample(posterior)"
z = "concatenate(z_s, z_u)"
reconstruction = "decoder(z_u, z_s)"
guess = "classifier(z_s)"

[losses.near]
use = "pull(z_s, kind)"
neighbors = "line"
classes = 3

[losses.labels]
use = "cross_entropy(guess, kind)"

[phases.main.steps.class.train]
encoder_s = { labels = 1 }
classifier = { labels = 1 }

[phases.main.steps.joint.train]
encoder_s = { rec = 1, near = 0.1 }
encoder = { rec = 1, kl = 0.5 }
decoder = { rec = 1 }
"""


def pull(codes: Tensor, labels: Tensor, *, neighbors: str, classes: int, power: float = 2.0) -> Tensor:
    """The distance of codes from their class's place on a line."""
    return (codes.mean(1) - labels / classes).abs().pow(power).mean()


def shrink(z: Tensor, weights: Tensor | None = None, *, by: float) -> Tensor:
    """A loss that needs an option and no labels."""
    return by * z.square().mean()


class Moving:
    """A loss that is a class, whose options are its constructor's."""

    def __init__(self, *, num_classes: int) -> None:
        self.num_classes = num_classes

    def forward(self, embeddings: Tensor, classes: Tensor) -> Tensor:
        return embeddings.square().mean() + 0 * classes.sum()


@pytest.fixture(autouse=True)
def losses(register: Callable[[str, str, Any], None]) -> None:
    for name, value in {"pull": pull, "shrink": shrink, "moving": Moving}.items():
        register("loss", name, value)


@pytest.fixture
def plan(toy: Callable[..., Path]) -> Callable[..., Plan]:
    """`plan(text, "key=value")` is the plan of a toy recipe."""

    def plan(text: str = "", *overrides: str) -> Plan:
        return check(load_recipe(toy(text), overrides))

    return plan


@pytest.fixture
def two_codes(plan: Callable[..., Plan]) -> Callable[..., Plan]:
    """`two_codes("key=value")` is the plan of a recipe with z_s, of the class, and z_u."""
    return lambda *overrides: plan(TWO_CODES, *overrides)
