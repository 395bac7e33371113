"""Operations: functions of tensors that recipes call under `[tensors]`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

import torch
from annotated_types import Gt
from torch import Tensor

from semreg.components.functional import normal_noise, shape_error
from semreg.components.interfaces import Prior
from semreg.components.posteriors import DiagonalGaussian, require_posterior

TensorOrPosterior = TypeVar("TensorOrPosterior", bound=Tensor | tuple[Tensor, ...])


def concatenate(*tensors: Tensor) -> Tensor:
    """Joins codes `(batch, code)` along the code, or maps `(batch, channels, height, width)` along the channels."""
    return torch.cat(tensors, dim=1)


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """The element-wise product a·b; shapes broadcast."""
    return a * b


def sigmoid(x: Tensor, *, temperature: Annotated[float, Gt(0)] = 1.0) -> Tensor:
    """Probabilities 1 / (1 + exp(−x / temperature)) of independent binary labels, in the shape of `x`."""
    return torch.sigmoid(x / temperature)


def softmax(x: Tensor, *, temperature: Annotated[float, Gt(0)] = 1.0) -> Tensor:
    """Probabilities of exclusive classes, `(batch, classes)`: the softmax of x / temperature over the last axis."""
    return torch.softmax(x / temperature, dim=-1)


def detach(x: TensorOrPosterior) -> TensorOrPosterior:
    """The same values, through which no gradient flows; takes a tensor or a posterior."""
    return _each(Tensor.detach, x)


detach.cuts_gradient = True  # type: ignore[attr-defined]


def take(x: TensorOrPosterior, indices: Tensor) -> TensorOrPosterior:
    """The rows `indices`, int64 `(rows,)`, of a tensor or a posterior `(batch, ...)`."""
    return _each(lambda tensor: tensor.index_select(0, indices), x)


def permutation(like: Tensor, *, fixed_points: bool = True, generator: torch.Generator | None = None) -> Tensor:
    """A random order of the rows of `like` `(batch, ...)`, int64 `(batch,)`, for `take`.

    With `fixed_points = false` no row keeps its place (a random cycle through all rows), which pairs each image with
    another one; a batch of one image has no other and keeps its place all the same.
    """
    device = like.device if generator is None else generator.device
    order = torch.randperm(len(like), generator=generator, device=device)
    if not fixed_points:
        order = torch.empty_like(order).scatter_(0, order, order.roll(1))
    return order.to(like.device)


permutation.cuts_gradient = True  # type: ignore[attr-defined]


def diagonal_gaussian(features: Tensor, *, initial_log_variance: float = 0.0) -> DiagonalGaussian:
    """A normal posterior from features `(batch, 2·code)`: means first, then log-variances.

    Maps `(batch, 2·channels, height, width)` are split along their channels. `initial_log_variance` is added to the
    log-variance: about what it starts from, since a net's outputs start near zero. Raises ValueError if the features
    can't be halved.
    """
    axis = 1 if features.ndim == 4 else -1
    if features.ndim < 2 or features.shape[axis] % 2:
        cause = "a mean and a log-variance need an even number of features"
        raise shape_error("diagonal_gaussian(features)", "batch (2 code)", cause, features)
    mean, log_variance = features.chunk(2, dim=axis)
    return DiagonalGaussian(mean, log_variance + initial_log_variance)


def posterior_mean(posterior: DiagonalGaussian) -> Tensor:
    """The mean of a posterior, `(batch, code)`."""
    require_posterior(posterior, "posterior_mean(posterior)")
    return posterior.mean


def sample(posterior: DiagonalGaussian, *, generator: torch.Generator | None = None) -> Tensor:
    """A draw mean + exp(log_variance / 2)·ε, `(batch, code)`, through which gradients flow; in evaluations the mean.

    The reparameterisation of Kingma and Welling, *Auto-Encoding Variational Bayes* (2014), section 2.4.
    """
    require_posterior(posterior, "sample(posterior)")
    noise = normal_noise(posterior.mean.shape, like=posterior.mean, generator=generator)
    return posterior.mean + torch.exp(0.5 * posterior.log_variance) * noise


sample.in_evaluation = posterior_mean  # type: ignore[attr-defined]


def draw(prior: Prior, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One code from the prior for each row of the labels, `(batch, code)`; a conditional prior draws given the labels.

    Raises ValueError without labels: `draw_like(prior, tensor)` draws as many codes as a tensor has rows.
    """
    if not labels:
        raise ValueError("draw(prior, label) needs at least one label; draw_like(prior, tensor) does without")
    return prior.sample(len(labels[0]), *labels, generator=generator)


def draw_like(prior: Prior, like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """As many codes from the prior as `like` has rows, `(batch, code)`, with its device and dtype."""
    return prior.sample(len(like), generator=generator).to(like)


def _each(function: Callable[[Tensor], Tensor], value: TensorOrPosterior) -> TensorOrPosterior:
    if isinstance(value, Tensor):
        return cast(TensorOrPosterior, function(value))
    kind: Any = type(value)
    return cast(TensorOrPosterior, kind(*(function(tensor) for tensor in value)))
