"""Conversion of RGB images of any size to a run's images by PyTorch's operations only, so that a module can hold it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import PIL
import torch
from einops import rearrange
from torch import Tensor, nn

from semreg.core import ImageField
from semreg.data.pixels import Filter

LUMA = (19595, 38470, 7471)
"""Weights of red, green and blue in a grey image of Pillow's, out of 2**16: ITU-R 601-2."""


def _triangle(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp(min=0)


def _box(x: Tensor) -> Tensor:
    return ((x > -0.5) & (x <= 0.5)).to(x.dtype)


def _lanczos(x: Tensor) -> Tensor:
    return torch.sinc(x) * torch.sinc(x / 3)


FILTERS: dict[Filter, tuple[float, Callable[[Tensor], Tensor]]] = {
    "bilinear": (1.0, _triangle),
    "box": (0.5, _box),
    "lanczos": (3.0, _lanczos),
}
"""Pillow's weights of pixels by their distance, and the largest distance, in pixels of the smaller image; its
`Resample.c`.
"""
TURNS = int(PIL.__version__.split(".")[0]) >= 13
"""Whether this Pillow resizes columns before rows if many more rows than columns are removed."""


class Preprocessing(nn.Module):
    """Images, converted as `semreg.data.images.fitted` converts Pillow's, and scaled to a range.

    Both passes of the resizing are matrix products, whose weights follow from the image's size: of the three filters
    PyTorch has only the bilinear one with antialiasing, and ONNX none that also crops.

    Args:
        field: the channels (1 or 3) and the size of the run's images.
        value_range: the values of black and white.
        filter: the resizing filter.
        white: the value of a white pixel in images, 255 by default.
    """

    def __init__(
        self, field: ImageField, value_range: tuple[float, float], filter: Filter, white: float | None = None
    ) -> None:
        super().__init__()
        self.white = min(white or 255.0, 255.0)
        self.field, self.value_range = field, value_range
        self.support, self.weigh = FILTERS[filter]
        # The order matters only here: values are clipped between the passes, and only this filter exceeds the range;
        # for wider shapes, rows never shrink by twice as much as columns.
        self.turns = TURNS and filter == "lanczos" and field.height > 1.5 * field.width

    def forward(self, images: Tensor) -> Tensor:
        """Convert RGB uint8 `(batch, height, width, 3)` to float32 `(batch, channels, height, width)` in the run's
        range.
        """
        low, high = self.value_range
        return self.pixels(images) * ((high - low) / 255) + low

    def pixels(self, images: Tensor) -> Tensor:
        """Return the same as integers from 0 to 255, float32."""
        height, width = (_number(size, images) for size in images.shape[1:3])
        scale = torch.minimum(width / self.field.width, height / self.field.height)
        across = self._weights(images.shape[2], width, self.field.width, scale)
        down = self._weights(images.shape[1], height, self.field.height, scale)
        seen = rearrange(images, "batch height width channels -> batch channels height width")
        if self.white < 255:
            seen = torch.round(seen.double().clamp(max=self.white) * 255 / self.white).to(torch.uint8)
        if self.field.channels == 1:
            weights = torch.tensor(LUMA, dtype=torch.int32, device=images.device)
            seen = (seen.int() * weights[:, None, None]).sum(1, keepdim=True, dtype=torch.int32) + 2**15 >> 16
        seen = seen.float()
        rows_first = _rounded(down @ _rounded(seen @ across.mT))
        if not self.turns:
            return rows_first
        less_high = _inner(scale, self.field.height) - self.field.height
        turned = (less_high > 0) & (less_high > 2 * (_inner(scale, self.field.width) - self.field.width))
        return torch.where(turned, _rounded(_rounded(down @ seen) @ across.mT), rows_first)

    def _weights(self, extent: Any, size: Tensor, wanted: int, scale: Tensor) -> Tensor:
        """Return the weight of each of `extent` pixels in each of the `wanted`, float32 `(wanted, extent)`.

        Pixels outside the central part of the wanted shape have weight 0.
        """
        inner = _inner(scale, wanted)
        first = torch.floor((size - inner) / 2)
        ratio = inner / wanted
        larger = ratio.clamp(min=1)
        places = torch.arange(extent, device=scale.device).double() - first
        centres = ((torch.arange(wanted, device=scale.device).double() + 0.5) * ratio)[:, None]
        least = (centres - self.support * larger + 0.5).trunc().clamp(min=0)
        most = torch.minimum((centres + self.support * larger + 0.5).trunc(), inner)
        weights = self.weigh((places - centres + 0.5) * (1 / larger))
        weights = torch.where((places >= least) & (places < most), weights, 0.0)
        return (weights / weights.sum(1, keepdim=True)).float()


def _number(size: Any, like: Tensor) -> Tensor:
    """Return a side of an image as a tensor, which an exported module recomputes for each image."""
    return torch.full((), size, dtype=torch.float64, device=like.device)


def _inner(scale: Tensor, wanted: int) -> Tensor:
    """Return how many pixels of the image become `wanted` pixels."""
    return torch.round(scale * wanted).clamp(min=1)


def _rounded(values: Tensor) -> Tensor:
    return torch.floor(values + 0.5).clamp(0, 255)
