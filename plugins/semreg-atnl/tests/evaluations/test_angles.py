"""Angles between classes whose directions are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_atnl.evaluations.angles import class_angles

from semreg.core import ClassField
from semreg.testing import FakeRun


def evaluated(world: Any) -> Any:
    return class_angles(world.tensor("z"), world.tensor("digit"))


def run_of(codes: torch.Tensor, labels: torch.Tensor, field: ClassField) -> FakeRun:
    return FakeRun(tensors={"z": {"test": codes}, "digit": {"test": labels}}, functions={}, fields={"digit": field})


def test_classes_on_a_great_circle_are_apart_in_proportion_to_their_distance(ring: Any) -> None:
    figures = evaluated(ring).figures
    assert {name: figures[name] for name in figures if name != "spread"} == pytest.approx(
        {"apart_1": 60, "apart_2": 120, "apart_3": 180}, abs=3
    )
    assert 0 < figures["spread"] < 6


def test_on_a_line_the_ends_are_the_farthest() -> None:
    turn = torch.arange(8) % 4
    codes = torch.stack([(turn * 0.5).cos(), (turn * 0.5).sin()], 1)
    result = evaluated(run_of(codes, turn, ClassField(tuple("abcd"), "line")))
    assert result.figures == pytest.approx(
        {"apart_1": math.degrees(0.5), "apart_2": math.degrees(1), "apart_3": math.degrees(1.5), "spread": 0}, abs=1e-3
    )
    assert result.summary.startswith("directions of classes 1, 2, … apart differ by 29°, 57°, 86°")


@settings(max_examples=10)  # each draws a picture
@given(
    seed=st.integers(0, 2**31),
    order=st.sampled_from(["ring", "line"]),
    classes=st.integers(2, 7),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
)
def test_it_is_what_a_slow_reference_finds_whatever_the_lengths_and_the_axes(
    seed: int, order: Any, classes: int, scale: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.arange(classes), torch.randint(classes, (20,), generator=generator)])
    codes = torch.randn(len(labels), 5, generator=generator)
    turned, _ = torch.linalg.qr(torch.randn(5, 5, generator=generator))
    field = ClassField(tuple("abcdefg"[:classes]), order)
    found = evaluated(run_of(scale * codes @ turned, labels, field)).figures
    units = [one / np.linalg.norm(one) for one in codes.double().numpy()]
    of_class = [np.sum([u for u, v in zip(units, labels, strict=True) if v == k], axis=0) for k in range(classes)]
    means = [one / np.linalg.norm(one) for one in of_class]

    def degrees(a: Any, b: Any) -> float:
        return math.degrees(math.acos(min(1.0, max(-1.0, float(a @ b)))))

    expected: dict[str, list[float]] = {}
    for a in range(classes):
        for b in range(a + 1, classes):
            steps = min(b - a, classes - b + a) if order == "ring" else b - a
            expected.setdefault(f"apart_{steps}", []).append(degrees(means[a], means[b]))
    spreads = [
        np.mean([degrees(u, means[k]) for u, v in zip(units, labels, strict=True) if v == k]) for k in range(classes)
    ]
    reference = {name: np.mean(values) for name, values in expected.items()} | {"spread": np.mean(spreads)}
    assert found == pytest.approx(reference, abs=2e-3)
    assert all(0 <= value <= 180 for value in found.values())


def test_a_class_without_test_images_is_left_out(ring: Any) -> None:
    labels = ring.tensors["digit"]["test"]
    labels[labels == 0] = 1
    result = evaluated(ring)
    assert [row[0] for row in result.tables[0].rows] == list("bcdef")


@pytest.mark.parametrize(
    ("labels", "order", "message"),
    [
        ([0, 1], "none", "these classes have no order"),
        ([1, 1], "ring", "the test images are of one class"),
    ],
    ids=["no order", "one class"],
)
def test_what_cannot_be_is_told(labels: list[int], order: Any, message: str) -> None:
    run = run_of(torch.eye(2), torch.tensor(labels), ClassField(("a", "b"), order))
    with pytest.raises(ValueError, match=message):
        evaluated(run)


def test_a_code_without_a_direction_is_told() -> None:
    run = run_of(torch.zeros(2, 3), torch.tensor([0, 1]), ClassField(("a", "b"), "line"))
    with pytest.raises(ValueError, match="2 of 2 codes are zero"):
        evaluated(run)
