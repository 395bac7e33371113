"""Losses that read attributes which are not known everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from semreg.core import AttributesField, Specification, UserError
from semreg.recipe.plan import Plan
from tests.conftest import ToyData

Toy = Callable[..., Path]
PlanOf = Callable[..., Plan]

HEAD = """
[modules.head]
use = "mlp_encoder"
outputs = "@marks.count"
hidden = []
[tensors]
logits = "head(z)"
seen = "detach(marks)"
[phases.main.train]
head = { marks = 1 }
[losses.marks]
use = "%s"
"""


class Unsure(ToyData):
    """Toy data of which some marks are not known."""

    def specification(self) -> Specification:
        return super().specification() | {"marks_known": AttributesField(("round", "dark"))}


@pytest.fixture
def unsure(toy: Toy, register: Callable[..., None]) -> Toy:
    register("dataset", "unsure", Unsure)
    return lambda loss: toy(f'extends = "base.toml"\n[data]\nuse = "unsure"\n{HEAD % loss}')


@pytest.mark.parametrize(
    ("loss", "advice"),
    [
        (
            "binary_cross_entropy(logits, marks)",
            'write `use = "binary_cross_entropy(logits, marks, marks_known)"`',
        ),
        ("binary_cross_entropy(logits, seen)", "as in `multiply(marks, marks_known)`, or use binary_cross_entropy"),
        ("l2(logits, marks)", "as in `multiply(marks, marks_known)`, or use binary_cross_entropy"),
    ],
)
def test_they_are_refused_with_what_to_write(loss: str, advice: str, unsure: Toy, plan_of: PlanOf) -> None:
    with pytest.raises(UserError) as refused:
        plan_of(unsure(loss))
    [problem] = refused.value.problems
    assert problem.where == "losses.marks"
    assert problem.message.startswith("some values of 'marks' are not known, and this loss would take them for 0; ")
    assert problem.message.endswith(advice)


@pytest.mark.parametrize(
    "loss",
    [
        "binary_cross_entropy(logits, marks, marks_known)",
        "l2(multiply(logits, marks_known), multiply(marks, marks_known))",
        "l2(logits, logits)",
    ],
)
def test_others_are_planned(loss: str, unsure: Toy, plan_of: PlanOf) -> None:
    assert "marks" in plan_of(unsure(loss)).losses


def test_any_number_of_further_inputs_has_room(unsure: Toy, plan_of: PlanOf, register: Callable[..., None]) -> None:
    def several(*inputs: Tensor) -> Tensor:
        return torch.stack([part.mean() for part in inputs]).sum()

    register("loss", "several", several)
    with pytest.raises(UserError, match=r"several\(logits, marks, marks_known\)"):
        plan_of(unsure("several(logits, marks)"))


def test_data_that_are_known_need_nothing(toy: Toy, plan_of: PlanOf) -> None:
    assert plan_of(toy(HEAD % "binary_cross_entropy(logits, marks)")).losses
