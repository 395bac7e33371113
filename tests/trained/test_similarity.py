"""How alike images are, against a double loop of torchmetrics."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from semreg.trained.similarity import mean_dissimilarity, scales_and_window, similarities

SIZE = 16


def noise(seed: int, count: int, channels: int = 1, size: int = SIZE) -> Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(seed))


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


def test_images_of_low_precision_are_compared_in_float32() -> None:
    first = 0.5 + 0.1 * noise(5, 3, size=64)
    second = first + 0.01 * noise(6, 3, size=64)
    low = similarities(first.bfloat16(), second.bfloat16())
    assert low.dtype == torch.float32
    assert torch.equal(low, similarities(first.bfloat16().float(), second.bfloat16().float()))
    torch.testing.assert_close(low, similarities(first, second), rtol=0, atol=5e-3)
