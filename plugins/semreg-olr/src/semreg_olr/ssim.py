"""Structural similarity (SSIM) of images and its loss, without padding and fast on a CPU."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor
from torch.nn import functional

from semreg.components.functional import in_float32


@in_float32
def structural_similarity(
    images_a: Tensor,
    images_b: Tensor,
    *,
    data_range: Annotated[float, Gt(0)] = 1.0,
    window: Annotated[int, Ge(1)] = 11,
    sigma: Annotated[float, Gt(0)] = 1.5,
) -> Tensor:
    """Compute SSIM of each channel of each image, `(batch, channels)`, in [-1, 1] (Eq. 1, its misprinted σ_xy the
    covariance).

    It is the mean over all windows inside the image, each weighted by a Gaussian as in Wang et al. 2004, with c₁ =
    (0.01·range)² and c₂ = (0.03·range)². It agrees with torchmetrics' map wherever that needs no padding, and is many
    times faster on a CPU.

    Args:
        images_a, images_b: `(batch, channels, height, width)`.
        data_range: greatest minus least value that the images can have.
        window, sigma: side and standard deviation of the Gaussian window, in pixels.

    Raises:
        ValueError: if the shapes differ or the images are smaller than the window.
    """
    if images_a.shape != images_b.shape:
        raise ValueError(f"the shapes must be equal, found {tuple(images_a.shape)} and {tuple(images_b.shape)}")
    height, width = images_a.shape[-2:]
    if min(height, width) < window:
        raise ValueError(f"SSIM's window of {window} pixels does not fit images of {height} by {width}")
    # The window is separable, and two products with banded matrices are far faster than a depthwise convolution.
    vertical, horizontal = (
        _window_matrix(side, window, sigma, images_a.device).to(images_a) for side in (height, width)
    )
    moments = torch.stack([images_a, images_b, images_a.square(), images_b.square(), images_a * images_b])
    mean_a, mean_b, square_a, square_b, product = vertical @ moments @ horizontal.mT
    # Rounding can leave a constant window's variance just below zero.
    variance_a, variance_b = (square_a - mean_a.square()).clamp(min=0), (square_b - mean_b.square()).clamp(min=0)
    covariance = product - mean_a * mean_b
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    similarity: Tensor = luminance * (2 * covariance + c2) / (variance_a + variance_b + c2)
    return similarity.mean(dim=(-2, -1))


@in_float32
def structural_dissimilarity(
    images_a: Tensor,
    images_b: Tensor,
    *,
    data_range: Annotated[float, Gt(0)] = 1.0,
    window: Annotated[int, Ge(1)] = 11,
    sigma: Annotated[float, Gt(0)] = 1.5,
) -> Tensor:
    """Compute one minus SSIM, averaged over channels and batch: a scalar in [0, 2] (Eq. 1 and 3).

    Eq. 3 prints +α·SSIM; a loss must fall as the images become more similar, so it uses 1 − SSIM (decision). Zero for
    an empty batch.

    Args:
        images_a, images_b: `(batch, channels, height, width)`.
        data_range, window, sigma: those of `structural_similarity`.

    Raises:
        ValueError: if the shapes differ or the images are smaller than the window.
    """
    similarity = structural_similarity(images_a, images_b, data_range=data_range, window=window, sigma=sigma)
    return (1 - similarity).sum() / max(similarity.numel(), 1)


def _window_matrix(side: int, window: int, sigma: float, device: torch.device) -> Tensor:
    """Return the banded matrix `(side - window + 1, side)` whose product with a column averages every window of it.

    It is made on the device: a copy from the host would be waited for.
    """
    offsets = torch.arange(window, dtype=torch.float64, device=device) - (window - 1) / 2
    weights = torch.exp(-offsets.square() / (2 * sigma**2))
    steps = side - window + 1
    # Rows one value longer than the matrix's, so that each of its rows starts one position later.
    longer = functional.pad(weights / weights.sum(), (0, side + 1 - window))
    return longer.repeat(steps)[: steps * side].view(steps, side)
