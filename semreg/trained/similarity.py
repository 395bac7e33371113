"""The similarity of images, by MS-SSIM (Wang, Simoncelli & Bovik 2003)."""

from __future__ import annotations

import torch
from torch import Tensor

from semreg.components.functional import in_float32

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the scales, the finest first (Wang, Simoncelli & Bovik 2003)."""
LARGEST_WINDOW, SMALLEST_WINDOW = 11, 7
DEVIATION = 1.5 / LARGEST_WINDOW
"""The standard deviation of the Gaussian window, as a share of its width."""
CHUNK_VALUES = 2**16
"""How many values of images are compared at once: more don't fit into a processor's cache, and take twice as long a
pair."""


def scales_and_window(size: int) -> tuple[int, int]:
    """Return how many scales, and how wide a window (odd), MS-SSIM can use for images of `size` pixels.

    These are the most scales, up to five, that leave a window of 7 pixels, and the widest window, up to 11, for these
    scales: 5 and 11 for images of 178 pixels, 4 and 7 for 64, 3 and 7 for 32.

    Raises ValueError for images of one pixel.
    """
    if size < 2:
        raise ValueError("MS-SSIM needs images of at least 2 pixels a side")
    # torchmetrics requires it, and the coarsest scale must be as large as the window.
    room = [min(size // 2 ** (scales - 1), size // max(1, scales - 1) ** 2) for scales in range(1, len(WEIGHTS) + 1)]
    scales = max(1, sum(space >= SMALLEST_WINDOW for space in room))
    window = min(LARGEST_WINDOW, room[scales - 1])
    return scales, window - (window + 1) % 2


def mean_dissimilarity(images: Tensor) -> float:
    """Return Eq. 12 of images `(count, channels, height, width)` between 0 and 1: 1 − mean MS-SSIM over all count²
    pairs.

    Each pair is computed once; an image with itself is 1 without computing. The result is between 0 and 1, as negative
    structural similarities count as 0.
    """
    count = len(images)
    first, second = torch.triu_indices(count, count, offset=1, device=images.device)
    at_once = max(1, CHUNK_VALUES // images[0].numel())
    total = 0.0
    for start in range(0, len(first), at_once):
        a, b = first[start : start + at_once], second[start : start + at_once]
        total += float(similarities(images[a], images[b]).double().sum())
    return max(0.0, 1 - (count + 2 * total) / count**2)


@in_float32
def similarities(first: Tensor, second: Tensor) -> Tensor:
    """Return MS-SSIM of pairs of images `(pairs, channels, height, width)` between 0 and 1, `(pairs,)`."""
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    scales, window = scales_and_window(min(first.shape[2:]))
    weights = WEIGHTS[:scales]
    return multiscale_structural_similarity_index_measure(
        first,
        second,
        sigma=DEVIATION * window,
        kernel_size=window,
        reduction="none",
        data_range=1.0,
        betas=tuple(weight / sum(weights) for weight in weights),
    )
