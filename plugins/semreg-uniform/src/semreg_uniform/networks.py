"""Encoder and decoder of spatial codes (Table I), and the critic of patches that the paper takes from StarGAN."""

from __future__ import annotations

from typing import Annotated, cast

import torch
from annotated_types import Ge
from torch import Tensor, nn

from semreg.components.layers import HeadConv2d, Normalization, Positive, Shapes, image_shape, make_normalization

SLOPE = 0.01
"""The slope of leaky rectifiers below zero: StarGAN's. Table II does not state it."""


class SpatialEncoder(nn.Module):
    """The encoder of Table I: images `(batch, channels, height, width)` to `(batch, 4·width, height/4, width/4)`.

    A 7×7 convolution with reflection padding, then two of 3×3 that halve the image (padded by 1, which the table
    omits), each with instance normalisation and a rectifier. `width` is the number of maps of the first, which doubles
    twice; the paper's is 32. Instance normalisation subtracts values that are constant over an image; if these carry
    information, as maps of a label do, `normalization = "group"` keeps them. Raises ValueError for an image whose sides
    are not divisible by 4.
    """

    def __init__(
        self, *, input_shapes: Shapes, width: Positive = 32, normalization: Normalization = "instance"
    ) -> None:
        super().__init__()
        channels, *extents = image_shape(input_shapes)
        pixels = extents[0] * extents[1]
        require_divisible("spatial_encoder", extents)
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(3), *_convolution(channels, width, 7, pixels, kind=normalization),
            *_convolution(width, 2 * width, 3, pixels // 4, stride=2, padding=1, kind=normalization),
            *_convolution(
                2 * width, 4 * width, 3, pixels // 16, stride=2, padding=1, layer=HeadConv2d, kind=normalization
            ),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.layers(images))


class ResidualDecoder(nn.Module):
    """The decoder of Table I: codes of a quarter of the size, joined along their maps, to images in [−1, 1].

    `blocks` residual blocks, two steps that double the size, and a 7×7 convolution with tanh. Corrections to the
    table's gaps and misprints: a block is pad-conv-norm-ReLU-pad-conv-norm plus its input; a step is a
    nearest-neighbour resize, a reflection of 1 and a 3×3 convolution of stride 1, since the printed order would give 63
    and 127 pixels.

    Input: codes `(batch, maps, height, width)` of one size. Output: `(batch, channels, 4·height, 4·width)`. `width` is
    the number of maps before the last convolution; the paper's is 32, and 6 blocks. Raises ValueError for other codes.
    """

    def __init__(
        self, *, channels: Positive, input_shapes: Shapes, width: Positive = 32, blocks: Annotated[int, Ge(0)] = 6
    ) -> None:
        super().__init__()
        sizes = {tuple(shape[1:]) for shape in input_shapes}
        if len(sizes) != 1 or len(input_shapes[0]) != 3:
            found = ", ".join(str(tuple(shape)) for shape in input_shapes) or "none"
            raise ValueError(f"residual_decoder joins codes (maps, height, width) of one size, found {found}")
        maps = sum(shape[0] for shape in input_shapes)
        pixels = input_shapes[0][1] * input_shapes[0][2]
        self.blocks = nn.Sequential(*(ResidualBlock(maps, pixels) for _ in range(blocks)))
        self.steps = nn.Sequential(
            *_doubling(maps, 2 * width, 4 * pixels),
            *_doubling(2 * width, width, 16 * pixels),
        )
        self.last = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh())

    def forward(self, *codes: Tensor) -> Tensor:
        return cast(Tensor, self.last(self.steps(self.blocks(torch.cat(codes, dim=1)))))


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with reflection padding and instance normalisation, a rectifier between them, plus the
    input."""

    def __init__(self, maps: int, pixels: int) -> None:
        super().__init__()
        first = [nn.ReflectionPad2d(1), *_convolution(maps, maps, 3, pixels)]
        second = [nn.ReflectionPad2d(1), *_convolution(maps, maps, 3, pixels)[:-1]]
        self.layers = nn.Sequential(*first, *second)

    def forward(self, maps: Tensor) -> Tensor:
        return maps + cast(Tensor, self.layers(maps))


class PatchCritic(nn.Module):
    """StarGAN's critic of overlapping patches: `layers` 4×4 convolutions that halve, then 3×3 to one score a patch.

    Source: Choi et al., *StarGAN* (2018). Input: images `(batch, channels, height, width)`. Output: scores
    `(batch, 1, height/2^layers, width/2^layers)`, rounded down. The first has `width` maps, which double in each; 64
    and 6 layers are StarGAN's. No normalisation. Raises ValueError if the image is too small for so many halvings.
    """

    def __init__(self, *, input_shapes: Shapes, width: Positive = 64, layers: Positive = 6) -> None:
        super().__init__()
        channels, *extents = image_shape(input_shapes)
        if min(extents) >> layers == 0:
            raise ValueError(f"patch_critic: {layers} layers halve an image of {tuple(extents)} to nothing; use fewer")
        steps: list[nn.Module] = []
        for level in range(layers):
            steps += [nn.Conv2d(channels, width << level, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
            channels = width << level
        self.layers = nn.Sequential(*steps)
        self.score = nn.Conv2d(channels, 1, 3, padding=1, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.score(self.layers(images)))


def require_divisible(name: str, extents: list[int]) -> None:
    """Raise ValueError, naming the component, unless height and width are divisible by 4."""
    if any(extent % 4 for extent in extents):
        raise ValueError(f"{name} halves images twice: their sides must be divisible by 4, found {tuple(extents)}")


def _convolution(
    before: int,
    after: int,
    kernel: int,
    pixels: int,
    *,
    stride: int = 1,
    padding: int = 0,
    layer: type[nn.Conv2d] = nn.Conv2d,
    kind: Normalization = "instance",
) -> list[nn.Module]:
    # instance normalisation would subtract a bias again
    convolution = layer(before, after, kernel, stride=stride, padding=padding, bias=False)
    return [convolution, make_normalization(kind, after, pixels), nn.ReLU()]


def _doubling(before: int, after: int, pixels: int) -> list[nn.Module]:
    return [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), *_convolution(before, after, 3, pixels)]
