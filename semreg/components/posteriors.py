"""The interface of any posterior: a draw, the density of a code, and the code that replaces a draw in evaluations.

The functions here serve a `DiagonalGaussian`, and anything with its mean and log-variance; any other posterior is a
NamedTuple of tensors with the methods of `Posterior`.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from semreg.components.functional import gaussian_log_density, normal_noise
from semreg.core import require_posterior


@runtime_checkable
class Posterior(Protocol):
    """A distribution of codes for each row of a batch, as the result of an operation: a NamedTuple of tensors."""

    def centre(self) -> Tensor:
        """Return the code that replaces a draw in evaluations, `(batch, code)`: the mean, on a sphere the mean
        direction."""
        ...

    def draw(self, *, generator: torch.Generator | None = None) -> Tensor:
        """Draw one code for each row, `(batch, code)`, through which gradients flow."""
        ...

    def log_density(self, codes: Tensor) -> Tensor:
        """Return the log-density of one code for each row in nats, `(batch,)`."""
        ...


def centre_of(call: str, posterior: Any) -> Tensor:
    """Return the code that replaces a draw in evaluations, for a `call`. Raises ValueError if the input is not a
    posterior."""
    if isinstance(posterior, Posterior):
        return posterior.centre()
    require_posterior(posterior, call)
    mean: Tensor = posterior.mean
    return mean


def drawn_from(call: str, posterior: Any, *, generator: torch.Generator | None = None) -> Tensor:
    """Draw a code for each row of a posterior, for a `call`. Raises ValueError if the input is not a posterior."""
    if isinstance(posterior, Posterior):
        return posterior.draw(generator=generator)
    require_posterior(posterior, call)
    noise = normal_noise(posterior.mean.shape, like=posterior.mean, generator=generator)
    draw: Tensor = posterior.mean + torch.exp(0.5 * posterior.log_variance) * noise
    return draw


def log_density_of(call: str, posterior: Any, codes: Tensor) -> Tensor:
    """Return the log-density in nats of codes `(batch, ...)` under a posterior with as many rows, `(batch,)`, for a
    `call`.

    Raises ValueError if the input is not a posterior, and for codes of another shape than its own.
    """
    if isinstance(posterior, Posterior):
        return posterior.log_density(codes)
    require_posterior(posterior, call)
    if codes.shape != posterior.mean.shape:
        raise ValueError(
            f"{call}: a draw has its posterior's shape {tuple(posterior.mean.shape)}; found {tuple(codes.shape)}"
        )
    return gaussian_log_density(codes, posterior.mean, posterior.log_variance).flatten(1).sum(1)
