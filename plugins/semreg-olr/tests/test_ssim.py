"""Structural similarity, against the definition by loops and against torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_olr.ssim import structural_dissimilarity, structural_similarity
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

seeds = st.integers(0, 2**31 - 1)


def uniform(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain_similarity(a: np.ndarray, b: np.ndarray, window: int = 11, sigma: float = 1.5) -> float:
    """Eq. 1 of one channel by loops over its windows, moments centred."""
    offsets = np.arange(window) - (window - 1) / 2
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    weights = np.outer(weights, weights) / weights.sum() ** 2
    values = []
    for i in range(a.shape[0] - window + 1):
        for j in range(a.shape[1] - window + 1):
            x, y = a[i : i + window, j : j + window], b[i : i + window, j : j + window]
            mx, my = (weights * x).sum(), (weights * y).sum()
            vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
            covariance = (weights * (x - mx) * (y - my)).sum()
            c1, c2 = 0.01**2, 0.03**2
            values.append((2 * mx * my + c1) * (2 * covariance + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return float(np.mean(values))


class TestStructuralSimilarity:
    @given(seeds, st.integers(11, 15), st.integers(11, 15))
    def test_equals_the_loop_over_windows(self, seed: int, height: int, width: int) -> None:
        a, b = uniform(seed, 2, 3, height, width), uniform(seed + 1, 2, 3, height, width)
        b = 0.5 * (a + b)
        expected = [[plain_similarity(a[n, c].numpy(), b[n, c].numpy()) for c in range(3)] for n in range(2)]
        torch.testing.assert_close(structural_similarity(a, b), torch.tensor(expected, dtype=torch.float64))

    @given(seeds)
    def test_equals_torchmetrics_inside(self, seed: int) -> None:
        a = uniform(seed, 2, 3, 24, 32)
        b = 0.7 * a + 0.3 * uniform(seed + 1, 2, 3, 24, 32)
        _, full = structural_similarity_index_measure(a, b, data_range=1.0, return_full_image=True)
        inside = full[..., 5:-5, 5:-5].mean((-2, -1))
        torch.testing.assert_close(structural_similarity(a, b), inside)

    @given(seeds, st.floats(0.1, 255))
    def test_scales_with_the_data_range(self, seed: int, data_range: float) -> None:
        a, b = uniform(seed, 1, 1, 12, 12), uniform(seed + 1, 1, 1, 12, 12)
        scaled = structural_similarity(a * data_range, b * data_range, data_range=data_range)
        torch.testing.assert_close(scaled, structural_similarity(a, b))

    @given(seeds)
    def test_dissimilarity_is_symmetric_and_zero_for_equal_images(self, seed: int) -> None:
        a, b = uniform(seed, 2, 3, 12, 12), uniform(seed + 1, 2, 3, 12, 12)
        torch.testing.assert_close(structural_dissimilarity(a, b), structural_dissimilarity(b, a))
        assert float(structural_dissimilarity(a, a)) == pytest.approx(0, abs=1e-12)
        assert 0 < structural_dissimilarity(a, b) < 2
        torch.testing.assert_close(structural_dissimilarity(a, b), 1 - structural_similarity(a, b).mean())

    @pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
    def test_constant_images_have_finite_gradients(self, level: float) -> None:
        for target in (
            torch.full((2, 3, 16, 16), level),
            torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)),
        ):
            images = torch.full((2, 3, 16, 16), level, requires_grad=True)
            structural_dissimilarity(images, target).backward()
            assert images.grad is not None
            assert images.grad.isfinite().all()

    def test_gradient(self) -> None:
        a, b = uniform(0, 1, 2, 12, 12).requires_grad_(), uniform(1, 1, 2, 12, 12).requires_grad_()
        assert torch.autograd.gradcheck(structural_dissimilarity, (a, b))

    def test_images_smaller_than_the_window(self) -> None:
        with pytest.raises(ValueError, match="11 pixels does not fit images of 10 by 20"):
            structural_similarity(torch.zeros(1, 3, 10, 20), torch.zeros(1, 3, 10, 20))
        small = torch.rand(1, 3, 7, 7)
        assert structural_similarity(small, small, window=7).shape == (1, 3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_costs_no_more_than_the_rounding_of_the_images(dtype: torch.dtype) -> None:
    rows = torch.linspace(0.2, 0.8, 64)
    smooth = (rows[:, None] * rows).expand(4, 1, 64, 64)
    noisy = smooth + 0.01 * (uniform(3, 4, 1, 64, 64).float() - 0.5)
    exact = structural_similarity(smooth, noisy)
    found = structural_similarity(smooth.to(dtype), noisy.to(dtype))
    assert exact.min() > 0.99
    assert found.dtype == torch.float32
    assert torch.equal(found, structural_similarity(smooth.to(dtype).float(), noisy.to(dtype).float()))
    torch.testing.assert_close(found, exact, rtol=0, atol=5e-3)
    loss = structural_dissimilarity(smooth.to(dtype), noisy.to(dtype))
    torch.testing.assert_close(loss, 1 - exact.mean(), rtol=0, atol=5e-3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(structural_similarity(smooth, noisy), exact)
