"""What an encoder, a decoder, a prior and an interpolator must offer. Nothing inherits from these: shape is enough."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor


class Encoder(Protocol):
    """An nn.Module from images `(batch, channels, height, width)` to codes `(batch, code)` or maps.

    Its constructor may take `input_shapes`, the shapes of its inputs without the batch axis, which the engine fills in.
    """

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Codes `(batch, code)`, or spatial codes `(batch, channels, height, width)`."""
        ...


class Decoder(Protocol):
    """An nn.Module from one or several codes to images."""

    def __call__(self, *codes: Tensor) -> Tensor:
        """Images `(batch, channels, height, width)`."""
        ...


class Prior(Protocol):
    """An nn.Module that holds a distribution of codes, which may depend on labels.

    Every method takes labels after its first argument, each with one row per code. A prior that needs none ignores
    them, so that a recipe may exchange one prior for another; a conditional prior called without labels
    means its marginal (a mixture draws the classes too).
    """

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Log-density of codes `(batch, code)` in nats, `(batch,)`."""
        ...

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draws `(count, code)`; one generator state gives one draw. Labels have `count` rows."""
        ...


class ClosedFormPrior(Prior, Protocol):
    """A prior whose KL divergence from a posterior is known in closed form; others leave `kl_divergence` out."""

    def kl_divergence(self, posterior: Any, *labels: Tensor) -> Tensor:
        """KL(posterior ‖ prior) of each element of the code in nats, `(batch, code)`."""
        ...


class Interpolator(Protocol):
    """A function that walks from one code to another."""

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        """The code at `weight` of the way from `a` to `b`, exactly `a` at 0 and exactly `b` at 1.

        `a` and `b` are `(batch, code)`; `weight`, in [0, 1], is a number or a tensor that broadcasts against them, such
        as `(batch, 1)`. Options are keyword-only.
        """
        ...
