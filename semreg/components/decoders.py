"""Standard decoders: convolutional and fully connected, from one or several codes to square images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, cast

import torch
from einops.layers.torch import Rearrange
from torch import Tensor, nn

from semreg.components.layers import (
    Activation,
    Normalization,
    Positive,
    Shapes,
    Widths,
    flatten,
    hidden_layers,
    make_activation,
    make_normalization,
)

OutputActivation = Literal["none", "sigmoid", "tanh"]

_OUTPUTS: dict[OutputActivation, type[nn.Module]] = {"none": nn.Identity, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


class ConvDecoder(nn.Module):
    """A plain convolutional network, the mirror of ConvEncoder: each layer doubles the size, from `widths[0]` maps on.

    Input: one or several codes. Vectors `(batch, code)`, or `(batch, rows, code)`, are flattened, joined, passed
    through the `hidden` fully connected layers and become the first maps. Spatial codes
    `(batch, channels, height, width)` are joined along their channels and must have the first maps' size: `size` halved
    once per width, rounding up (178 with four widths: 12), as from ConvEncoder with `head = "maps"` and kernel 3.
    Output: images `(batch, channels, size, size)`; sizes that are not a power of two are cropped on the way.

    `upsampling`: `transposed` is a transposed convolution (4×4, whose windows overlap evenly), `nearest` doubles and
    then convolves (3×3), which is smoother and takes four times as long on a CPU. `output` is the activation of the
    images; beware of saturating ones with an L1 loss on dark images.
    """

    def __init__(
        self,
        *,
        channels: Positive,
        size: Positive,
        input_shapes: Shapes,
        widths: Widths = (256, 128, 64, 32),
        upsampling: Literal["transposed", "nearest"] = "transposed",
        normalization: Normalization = "batch",
        activation: Activation = "relu",
        hidden: Sequence[Positive] = (),
        output: OutputActivation = "none",
    ) -> None:
        super().__init__()
        bias = normalization == "none"
        count = len(widths)
        first, *self.extents = (math.ceil(size / 2**level) for level in range(count, -1, -1))
        self.spatial = _are_maps(input_shapes, first)
        start: list[nn.Module] = []
        if self.spatial:
            if hidden:
                raise ValueError("hidden layers are fully connected; spatial codes have none")
            start = [nn.Conv2d(sum(shape[0] for shape in input_shapes), widths[0], 1, bias=bias)]
        else:
            start, features = hidden_layers(sum(math.prod(shape) for shape in input_shapes), hidden, activation)
            start += [nn.Linear(features, widths[0] * first**2), _square_maps(first)]
        start += [make_normalization(normalization, widths[0], first**2), make_activation(activation)]
        self.start = nn.Sequential(*start)

        self.layers = nn.ModuleList()
        for index, extent in enumerate(self.extents):
            last = index == count - 1
            maps = channels if last else widths[index + 1]
            layer: list[nn.Module]
            if upsampling == "transposed":
                layer = [nn.ConvTranspose2d(widths[index], maps, 4, stride=2, padding=1, bias=bias or last)]
            else:
                layer = [nn.Upsample(scale_factor=2), nn.Conv2d(widths[index], maps, 3, padding=1, bias=bias or last)]
            if last:
                layer.append(_OUTPUTS[output]())
            else:
                layer += [make_normalization(normalization, maps, extent**2), make_activation(activation)]
            self.layers.append(nn.Sequential(*layer))

    def forward(self, *codes: Tensor) -> Tensor:
        maps: Tensor = self.start(torch.cat(codes, dim=1) if self.spatial else flatten(codes))
        for layer, extent in zip(self.layers, self.extents, strict=True):
            maps = layer(maps)[..., :extent, :extent]
        return maps


class MLPDecoder(nn.Module):
    """Fully connected layers from one or several codes `(batch, ...)`, flattened and joined, to images.

    Output: `(batch, channels, size, size)`.
    """

    def __init__(
        self,
        *,
        channels: Positive,
        size: Positive,
        input_shapes: Shapes,
        hidden: Sequence[Positive] = (512, 512),
        activation: Activation = "relu",
        output: OutputActivation = "none",
    ) -> None:
        super().__init__()
        layers, features = hidden_layers(sum(math.prod(shape) for shape in input_shapes), hidden, activation)
        layers += [nn.Linear(features, channels * size**2), _square_maps(size), _OUTPUTS[output]()]
        self.layers = nn.Sequential(*layers)

    def forward(self, *codes: Tensor) -> Tensor:
        return cast(Tensor, self.layers(flatten(codes)))


def _square_maps(size: int) -> nn.Module:
    """Return a module from vectors `(batch, features)` to square maps `(batch, channels, size, size)`."""
    return Rearrange("batch (channels height width) -> batch channels height width", height=size, width=size)


def _are_maps(shapes: Shapes, extent: int) -> bool:
    """Return whether the codes are spatial. Raises ValueError if they are of both kinds, or maps of another size."""
    spatial = {len(shape) == 3 for shape in shapes}
    found = ", ".join(str(("batch", *shape)).replace("'", "") for shape in shapes)
    if len(spatial) != 1:
        raise ValueError(f"the decoder takes codes that are all vectors or all maps, found {found or 'none'}")
    if spatial == {True} and any(tuple(shape[1:]) != (extent, extent) for shape in shapes):
        raise ValueError(
            f'the decoder expects spatial codes "batch channels {extent} {extent}" for this size and this number of '
            f"widths, found {found}"
        )
    return spatial == {True}
