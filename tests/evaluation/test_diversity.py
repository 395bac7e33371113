"""Diversity within classes, against a double loop and on images that are alike or not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from semreg.core import ClassField, ImageField
from semreg.evaluation.diversity import intra_class_diversity, mean_dissimilarity, scales_and_window, similarities
from semreg.testing import FakeRun

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


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.integers(1, 5), st.sampled_from([1, 3]), st.integers(0, 2**31))
def test_the_mean_over_pairs_is_that_of_a_double_loop(seed: int, count: int, channels: int, other: int) -> None:
    images = noise(seed, count, channels)
    betas = 0.0448 / 0.3304, 0.2856 / 0.3304
    options: Any = {"kernel_size": 7, "sigma": 1.5 * 7 / 11, "data_range": 1.0, "betas": betas}
    total = sum(
        float(multiscale_structural_similarity_index_measure(a[None].double(), b[None].double(), **options))
        for a in images
        for b in images
    )
    diversity = mean_dissimilarity(images)
    assert diversity == pytest.approx(1 - total / count**2, abs=1e-5)
    assert 0 <= diversity <= 1 - 1 / count
    order = torch.randperm(count, generator=torch.Generator().manual_seed(other))
    assert mean_dissimilarity(images[order]) == pytest.approx(diversity, abs=1e-6)


@pytest.mark.parametrize("image", [noise(0, 1), torch.zeros(1, 1, SIZE, SIZE), torch.ones(1, 3, SIZE, SIZE)])
def test_equal_images_are_not_diverse(image: Tensor) -> None:
    assert mean_dissimilarity(image.expand(4, -1, -1, -1)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("size", [2, 3, 7, 8, 14, 28, 32, 48, 64, 128, 178, 256])
def test_every_size_has_scales_and_a_window_that_torchmetrics_takes(size: int) -> None:
    a, b = noise(0, 3, 1, size), noise(1, 3, 1, size)
    assert similarities(a, b).isfinite().all()
    assert similarities(a, a).tolist() == pytest.approx([1, 1, 1], abs=1e-5)


def test_large_images_have_the_usual_scales_and_small_ones_fewer() -> None:
    assert {size: scales_and_window(size) for size in (32, 64, 178, 256)} == {
        32: (3, 7), 64: (4, 7), 178: (5, 11), 256: (5, 11)
    }  # fmt: skip
    with pytest.raises(ValueError, match="at least 2 pixels"):
        scales_and_window(1)


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


def test_images_of_low_precision_are_compared_in_float32() -> None:
    first = 0.5 + 0.1 * noise(5, 3, size=64)
    second = first + 0.01 * noise(6, 3, size=64)
    low = similarities(first.bfloat16(), second.bfloat16())
    assert low.dtype == torch.float32
    assert torch.equal(low, similarities(first.bfloat16().float(), second.bfloat16().float()))
    torch.testing.assert_close(low, similarities(first, second), rtol=0, atol=5e-3)
