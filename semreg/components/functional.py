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


def shape_error(call: str, pattern: str, cause: str, *tensors: Tensor) -> ValueError:
    """A ValueError that names the call, the pattern it expects, the shapes it found and what is wrong with them."""
    shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
    return ValueError(f'{call} expects "{pattern}", found {shapes}: {cause}')


def require_equal_shapes(call: str, pattern: str, a: Tensor, b: Tensor) -> None:
    """Raises ValueError unless `a` and `b` have one shape: losses never broadcast."""
    if a.shape == b.shape:
        return
    if a.ndim != b.ndim:
        cause = f"{a.ndim} axes against {b.ndim}"
    else:
        axis = next(axis for axis in range(a.ndim) if a.shape[axis] != b.shape[axis])
        cause = f"axis {axis} differs, {a.shape[axis]} against {b.shape[axis]}"
    raise shape_error(call, pattern, cause, a, b)


def require_classes(call: str, labels: Tensor, *, rows: int, classes: int) -> None:
    """Raises ValueError unless `labels` are `rows` integers from 0 to `classes` − 1; `call` names who asks."""
    if labels.shape != (rows,):
        raise shape_error(call, "batch for the labels", f"one class for each of {rows} rows", labels)
    if labels.dtype.is_floating_point or labels.dtype.is_complex or labels.dtype == torch.bool:
        raise ValueError(f"{call}: labels are classes, int64, found {str(labels.dtype).removeprefix('torch.')}")
    if not rows:
        return
    least, greatest = torch.stack(labels.aminmax()).tolist()
    if least < 0 or greatest >= classes:
        raise ValueError(
            f"{call}: there are {classes} classes, 0 to {classes - 1}; found labels from {least} to {greatest}"
        )
