"""The mathematics that the standard components share, as pure functions of tensors, and the precision
of computations."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from semreg.components.values import map_tensors, tensors_of

Parameters = ParamSpec("Parameters")
Value = TypeVar("Value")

LOW_PRECISION = (torch.float16, torch.bfloat16)
_MARK = "computes_in_float32"


def in_float32(function: Callable[Parameters, Value]) -> Callable[Parameters, Value]:
    """Decorate a loss so that it computes in at least float32, with autocast off, for inputs of any type.

    A sum of a million numbers is infinite in float16, and has two correct digits in bfloat16. Inputs of these types,
    including those in posteriors, become float32 `(batch, ...)`; float32 and float64 stay, and so do options and
    modules.
    """
    if getattr(function, _MARK, False):
        return function

    @functools.wraps(function)
    def compute(*inputs: Parameters.args, **options: Parameters.kwargs) -> Value:
        given: Any = [at_least_float32(value) for value in inputs]
        device = _autocast(inputs)
        if device is None:
            return function(*given, **options)
        with torch.autocast(device, enabled=False):
            return function(*given, **options)

    setattr(compute, _MARK, True)
    return compute


def without_autocast(layer: Callable[[Any], Value], features: Tensor | tuple[Tensor, ...]) -> Value:
    """Run the last layer of a network on features: under autocast in float32, otherwise in their own precision.

    The layers before may compute in bfloat16; a code in it has three digits, too few for the angles between close ones.
    """
    device = _autocast(features)
    if device is None:
        return layer(features)
    with torch.autocast(device, enabled=False):
        return layer(at_least_float32(features))


def _autocast(inputs: Any) -> str | None:
    """Return the device of the inputs if autocast is on for it."""
    device = next((tensor.device.type for tensor in tensors_of(inputs)), "cpu")
    return device if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device) else None


def undecorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function inside `in_float32`, for callers that handle the precision themselves; any other
    unchanged."""
    inner: Callable[..., Any] = getattr(function, "__wrapped__", function)
    return inner if getattr(function, _MARK, False) else function


def at_least_float32(value: Any) -> Any:
    """Return a tensor, or a tuple such as a posterior, with float16 and bfloat16 as float32; anything else
    unchanged."""
    if isinstance(value, Tensor):
        return value.float() if value.dtype in LOW_PRECISION else value
    return map_tensors(at_least_float32, value) if isinstance(value, tuple) else value


def gaussian_log_density(codes: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the log-density, in nats, of each element of `codes` under its own normal distribution.

    The three shapes broadcast; the result is not summed: `.sum(-1)` gives the log-density of whole codes.
    """
    scaled = (codes - mean) * torch.exp(-0.5 * log_variance)
    return -0.5 * (math.log(2 * math.pi) + log_variance + scaled.square())


def standard_normal_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, exp(log_variance)) ‖ N(0, 1)) of each element, in nats, in the shape of the inputs; never
    negative.

    Kingma and Welling, *Auto-Encoding Variational Bayes* (2014), appendix B. `expm1` keeps the digits that exp(v) − 1 −
    v loses near v = 0.
    """
    return 0.5 * (mean.square() + torch.expm1(log_variance) - log_variance)


def normal_noise(
    shape: tuple[int, ...] | torch.Size, *, like: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Draw standard normal noise of `shape` with the device and dtype of `like`.

    It is drawn in float32 on the generator's own device, so that one generator state gives one draw in every precision.
    """
    device = like.device if generator is None else generator.device
    return torch.randn(shape, generator=generator, device=device).to(like)


def gaussian_draws(mean: Tensor, covariance: Tensor, count: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Draw `count` codes `(count, k)` from the normal distribution of a mean `(k,)` and a covariance `(k, k)`.

    A singular covariance is valid: directions without variance get none. The draws have the mean's dtype and device.
    """
    # Not a Cholesky factor: it fails on singular matrices. Rounding can make eigenvalues slightly negative.
    variances, directions = torch.linalg.eigh(covariance.double())
    source = mean.device if generator is None else generator.device
    noise = torch.randn(count, len(mean), generator=generator, device=source, dtype=torch.float64).to(mean.device)
    spread: Tensor = (noise * variances.clamp(min=0).sqrt()) @ directions.mT
    return (mean.double() + spread).to(mean.dtype)


def gaussian_moments(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean `(k,)` and the covariance `(k, k)`, divided by the number of rows, of codes `(rows, k)`, in
    float64."""
    wide = codes.double()
    return wide.mean(0), torch.cov(wide.mT, correction=0).reshape(wide.shape[1], wide.shape[1])


def score_slopes(critic: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Return the gradient of the sum of a critic's scores at each of the points `(batch, ...)`, `(batch, numbers)`.

    Gradients flow through it to the critic, and not to the origin of the points. No score may depend on another point.
    """
    with torch.enable_grad():  # also where a run validates
        points = points.detach().requires_grad_()
        score = critic(points).sum()
        if not len(points):
            return (0 * score).expand(0, 1)  # connected, unlike the derivative of some layers
        [slope] = torch.autograd.grad(score, points, create_graph=True)
        return slope.flatten(1)
