"""Diversity within classes, of images that are alike or not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from semreg.core import ClassField, ImageField
from semreg.evaluation.diversity import intra_class_diversity
from semreg.testing import FakeRun
from semreg.trained import mean_dissimilarity

SIZE = 16


def noise(seed: int, count: int, channels: int = 1, size: int = SIZE) -> Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def world() -> FakeRun:
    """Three classes of images between -1 and 1: generated ones are noise, equal to each other, and half noise."""
    labels = torch.arange(18) % 3
    made = noise(1, 18)
    made[labels == 1] = made[1].clone()
    made[labels == 2] = 0.5 + 0.1 * made[labels == 2]
    return FakeRun(
        tensors={
            "digit": {"test": labels},
            "image": {"test": 2 * noise(2, 18) - 1},
            "x_p": {"test": 2 * made - 1},
        },
        functions={},
        fields={"digit": ClassField(("noise", "equal", "faint")), "image": ImageField(1, SIZE, SIZE)},
    )


def evaluated(world: FakeRun, **options: Any) -> Any:
    world.value_range = (-1.0, 1.0)
    return intra_class_diversity(*map(world.tensor, ("x_p", "digit", "image")), **options)


def test_what_is_diverse_is_told_class_by_class(world: FakeRun) -> None:
    result = evaluated(world)
    _, *rows = result.tables[0].rows
    noisy, equal, faint = (row[2] for row in rows)
    assert equal == pytest.approx(0, abs=1e-5)
    assert 0.1 < faint < noisy
    assert [row[:2] for row in rows] == [("noise", 6), ("equal", 6), ("faint", 6)]
    assert result.figures["diversity"] == pytest.approx((noisy + equal + faint) / 3)
    assert result.figures["diversity_real"] == pytest.approx(sum(row[3] for row in rows) / 3)
    assert result.figures["ratio"] == pytest.approx(result.figures["diversity"] / result.figures["diversity_real"])
    assert "2 scales and a window of 7 pixels" in result.tables[0].caption


def test_images_are_compared_as_from_zero_to_one(world: FakeRun) -> None:
    real = world.tensors["image"]["test"]
    expected = mean_dissimilarity((real[world.tensors["digit"]["test"] == 0] + 1) / 2)
    assert evaluated(world).tables[0].rows[1][3] == pytest.approx(expected)


def test_a_count_takes_the_first_of_each_class(world: FakeRun) -> None:
    whole = evaluated(world, count=6)
    assert evaluated(world) == whole
    for name in ("digit", "image", "x_p"):
        world.tensors[name]["test"] = world.tensors[name]["test"][:9]
    world.counts["test"] = 9
    first = evaluated(world)
    assert [row[1] for row in first.tables[0].rows] == [None, 3, 3, 3]
    assert evaluated(world, count=3) == first != whole


def test_classes_with_fewer_than_two_images_are_left_out_and_told(world: FakeRun) -> None:
    labels = world.tensors["digit"]["test"]
    labels[labels == 2] = 0
    labels[2] = 2
    result = evaluated(world)
    assert result.tables[0].rows[3] == ("faint", 1, None, None)
    assert "; 1 of 3 classes left out, with fewer than two test images" in result.summary
    world.tensors["digit"]["test"] = torch.arange(3)
    world.tensors["image"]["test"], world.tensors["x_p"]["test"] = noise(0, 3), noise(1, 3)
    world.counts["test"] = 3
    with pytest.raises(ValueError, match="no class has two test images"):
        evaluated(world)


def test_real_images_that_are_all_equal_give_no_ratio(world: FakeRun) -> None:
    world.tensors["image"]["test"][:] = 0.25
    result = evaluated(world)
    assert result.figures["diversity_real"] == pytest.approx(0, abs=1e-5)
