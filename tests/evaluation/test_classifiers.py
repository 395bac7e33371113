"""A classifier of a recipe whose right answers are known."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from semreg.core import AttributesField
from semreg.evaluation.classifiers import accuracy


def test_the_most_probable_class_is_right_or_wrong(world: Any) -> None:
    probability = torch.eye(5)[world.tensors["digit"]["test"]]
    probability[:6] = probability[:6].roll(1, 1)
    world.tensors["probability"] = {"test": probability}
    result = accuracy(world.tensor("probability"), world.tensor("digit"))
    assert result.figures == {"accuracy": pytest.approx(54 / 60)}
    assert result.outcomes["accuracy"] == [False] * 6 + [True] * 54
    assert result.tables[0].rows[0] == ("zero", 12, pytest.approx(10 / 12))
    assert result.summary == "90.00% of 60 test images right"


def test_labels_that_nobody_knows_count_nowhere(world: Any) -> None:
    world.fields["marks"] = AttributesField(("round", "dark", "secret"))
    world.fields["marks_known"] = AttributesField(("round", "dark", "secret"))
    world.tensors["marks"] = {"test": torch.tensor([[1.0, 0, 1], [1, 1, 1], [0, 1, 0], [0, 0, 0]])}
    world.tensors["marks_known"] = {"test": torch.tensor([[1.0, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]])}
    world.tensors["seen"] = {"test": torch.tensor([[0.9, 0.1, 0], [0.6, 0.2, 0], [0.4, 0, 0], [0.7, 1, 0]])}
    result = accuracy(world.tensor("seen"), world.tensor("marks"))
    assert result.figures == {"accuracy": pytest.approx((3 / 4 + 1 / 2) / 2)}
    assert [row[:2] for row in result.tables[0].rows] == [("round", 4), ("dark", 2), ("secret", 0)]
    assert result.summary == "62.50% of the labels of 4 test images right"


@pytest.mark.parametrize("found", [torch.zeros(60, 4), torch.zeros(60), torch.zeros(60, 5, 2)], ids=str)
def test_probabilities_of_other_shapes_are_refused(world: Any, found: torch.Tensor) -> None:
    world.tensors["probability"] = {"test": found}
    with pytest.raises(ValueError, match=r"'probability' must be \(batch, 5\), a number for each name; one has \("):
        accuracy(world.tensor("probability"), world.tensor("digit"))
