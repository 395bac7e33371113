"""Recipes with one code and with two, on toy data, and a loss to add to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
import torch
from torch import Tensor, nn

from semreg.core import ClassField, Role
from semreg.recipe.check import check
from semreg.recipe.load import load_recipe
from semreg.recipe.plan import Plan

TWO_CODES = """
without = ["phases.main.train"]

[model]
code = ["z_s", "z_u"]
attributes = { kind = "z_s" }

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


def pull(
    codes: Annotated[Tensor, Role.CODE],
    labels: Annotated[Tensor, Role.LABEL],
    *,
    neighbors: Annotated[str, Role.ORDER],
    classes: Annotated[int, Role.CLASSES],
    power: float = 2.0,
) -> Tensor:
    """The distance of codes from their class's place on a line."""
    return (codes.mean(1) - labels / classes).abs().pow(power).mean()


def shrink(z: Annotated[Tensor, Role.CODE], weights: Tensor | None = None, *, by: float) -> Tensor:
    """A loss that needs an option and no labels."""
    return by * z.square().mean()


class Moving:
    """A loss that is a class, whose options are its constructor's; its names tell nothing."""

    def __init__(self, *, many: Annotated[int, Role.CLASSES]) -> None:
        self.many = many

    def forward(self, a: Annotated[Tensor, Role.CODE], b: Annotated[Tensor, Role.LABEL]) -> Tensor:
        return a.square().mean() + 0 * b.sum()


class Proxies(nn.Module):
    """A criterion, which has parameters of its own."""

    def __init__(self, *, input_shapes: Any, many: Annotated[int, Role.CLASSES], margin: float = 0.0) -> None:
        super().__init__()
        self.proxies = nn.Parameter(torch.zeros(many, *input_shapes[0]))
        self.margin = margin

    def forward(self, a: Annotated[Tensor, Role.CODE], b: Annotated[Tensor, Role.LABEL]) -> Tensor:
        return (a - self.proxies[b]).square().mean()


@pytest.fixture(autouse=True)
def losses(register: Callable[[str, str, Any], None]) -> None:
    register("criterion", "proxies", Proxies)
    for name, value in {"pull": pull, "shrink": shrink, "moving": Moving}.items():
        register("loss", name, value)


@pytest.fixture
def toy(toy: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Toy recipes whose `[model]` says, too, that z is the code of the class."""
    base = tmp_path / "base.toml"
    base.write_text(base.read_text().replace("[model]", '[model]\nattributes = { kind = "z" }'))
    return toy


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


def of_two_classes(plan: Plan, code: str) -> Plan:
    """The plan, as if the data had another field of classes, `style`, of which this is the code."""
    fields = {**plan.fields, "style": ClassField(("x", "y"))}
    return replace(plan, fields=fields, roles=replace(plan.roles, attributes={**plan.roles.attributes, "style": code}))
