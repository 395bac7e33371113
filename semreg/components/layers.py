"""The building blocks that the standard encoders and decoders share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

import torch
from annotated_types import Ge, MinLen
from einops import rearrange
from torch import Tensor, nn

from semreg.components.functional import without_autocast

Positive = Annotated[int, Ge(1)]
Widths = Annotated[Sequence[Positive], MinLen(1)]
Outputs = Annotated[int, Ge(0)] | Annotated[list[Positive], MinLen(1)]
Shapes = Sequence[Sequence[int]]
Activation = Literal["relu", "leaky_relu", "gelu", "silu"]
Normalization = Literal["batch", "instance", "group", "none"]

_ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": partial(nn.LeakyReLU, 0.2),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
_GROUPS = 8


def make_activation(kind: Activation) -> nn.Module:
    """Return the activation called `kind`; `leaky_relu` has slope 0.2 below zero, as in GANs."""
    return _ACTIVATIONS[kind]()


def make_normalization(kind: Normalization, channels: int, pixels: int) -> nn.Module:
    """Return the normalisation called `kind` of `channels` maps of `pixels` each; `group` makes up to 8 groups.

    Raises ValueError if it would normalise single numbers, which makes every one of them zero.
    """
    groups = {"instance": channels, "group": math.gcd(_GROUPS, channels)}.get(kind)
    if groups is not None and pixels * channels // groups < 2:
        raise ValueError(
            f"normalization = {kind!r} on {channels} maps of {pixels} pixel would normalise single numbers to zero; "
            "use fewer widths or another normalization"
        )
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if kind == "group":
        return nn.GroupNorm(math.gcd(_GROUPS, channels), channels)
    return nn.Identity()


class HeadLinear(nn.Linear):
    """The last linear layer of a network that outputs codes or logits, in float32 under autocast too
    (`without_autocast`)."""

    def forward(self, features: Tensor) -> Tensor:
        return without_autocast(super().forward, features)


class HeadConv2d(nn.Conv2d):
    """The last convolution of a network that outputs spatial codes, in float32 under autocast too."""

    def forward(self, features: Tensor) -> Tensor:
        return without_autocast(super().forward, features)


def hidden_layers(inputs: int, hidden: Sequence[int], activation: Activation) -> tuple[list[nn.Module], int]:
    """Return fully connected layers, each followed by its activation, and the number of their output features."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), make_activation(activation)]
        inputs = width
    return layers, inputs


def output_layers(inputs: int, outputs: int | list[int]) -> list[nn.Module]:
    """Return the last linear layer: `(batch, outputs)`, or `(batch, *outputs)` for a list; none if outputs is 0."""
    if outputs == 0:
        return []
    if isinstance(outputs, int):
        return [HeadLinear(inputs, outputs)]
    return [HeadLinear(inputs, math.prod(outputs)), nn.Unflatten(1, tuple(outputs))]


def map_output(inputs: int, outputs: int | list[int]) -> nn.Module:
    """Return the last layer of a network that outputs maps: a 1×1 convolution to `outputs` channels; none if outputs is
    0."""
    if isinstance(outputs, list):
        raise ValueError(f"outputs = {outputs} with head = 'maps': maps have one number of channels")
    return HeadConv2d(inputs, outputs, 1) if outputs else nn.Identity()


def image_shape(input_shapes: Shapes) -> tuple[int, int, int]:
    """Return channels, height and width of an encoder's only input. Raises ValueError if it has others."""
    if len(input_shapes) != 1 or len(input_shapes[0]) != 3:
        found = ", ".join(str(("batch", *shape)).replace("'", "") for shape in input_shapes) or "none"
        raise ValueError(f'the encoder takes one input "batch channels height width", found {found}')
    channels, height, width = input_shapes[0]
    return channels, height, width


def flatten(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors `(batch, ...)` into vectors `(batch, features)`.

    Raises EinopsError for a tensor `(batch,)`, such as a label, which is not a vector.
    """
    return torch.cat([rearrange(tensor, "batch features ... -> batch (features ...)") for tensor in tensors], dim=1)
