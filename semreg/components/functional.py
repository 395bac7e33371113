"""The mathematics that the standard components share, as pure functions of tensors."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def gaussian_log_density(codes: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """The log-density, in nats, of each element of `codes` under a normal distribution of its own.

    The three shapes broadcast; the result is not summed: `.sum(-1)` gives the log-density of whole codes.
    """
    scaled = (codes - mean) * torch.exp(-0.5 * log_variance)
    return -0.5 * (math.log(2 * math.pi) + log_variance + scaled.square())


def standard_normal_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) ‖ N(0, 1)) of each element, in nats, in the shape of the inputs; never negative.

    Kingma and Welling, *Auto-Encoding Variational Bayes* (2014), appendix B. `expm1` keeps the digits that
    exp(v) − 1 − v loses near v = 0.
    """
    return 0.5 * (mean.square() + torch.expm1(log_variance) - log_variance)


def normal_noise(
    shape: tuple[int, ...] | torch.Size, *, like: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Standard normal noise of `shape` with the device and dtype of `like`.

    Drawn in float32 on the generator's own device, so that one generator state gives one draw, whatever the precision.
    """
    device = like.device if generator is None else generator.device
    return torch.randn(shape, generator=generator, device=device).to(like)
