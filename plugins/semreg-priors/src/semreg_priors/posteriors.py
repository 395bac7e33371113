"""Posteriors with dependent elements: normal ones with a covariance, and normal ones transformed by a flow."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from semreg.components.functional import normal_noise
from semreg.components.posteriors import drawn_from, log_density_of
from semreg.core import DiagonalGaussian, require_equal_shapes, require_posterior, shape_error
from semreg_priors.flow import FlowPrior


class FullCovarianceGaussian(NamedTuple):
    """N(z; m, L Lᵀ): `mean` m `(batch, code)`, `factor` L, lower triangles `(batch, code, code)`."""

    mean: Tensor
    factor: Tensor

    def centre(self) -> Tensor:
        """Return the mean, `(batch, code)`."""
        return self.mean

    def draw(self, *, generator: torch.Generator | None = None) -> Tensor:
        """Return m + L ε, `(batch, code)`."""
        noise = normal_noise(self.mean.shape, like=self.mean, generator=generator)
        return self.mean + (self.factor @ noise[..., None]).squeeze(-1)

    def log_density(self, codes: Tensor) -> Tensor:
        """Return the log-density in nats, `(batch,)`. Raises ValueError unless codes have the mean's shape."""
        call = "full_covariance_gaussian.log_density(codes)"
        require_equal_shapes(call, "batch code, batch code", codes, self.mean)
        away = (codes - self.mean)[..., None]
        noise: Tensor = torch.linalg.solve_triangular(self.factor, away, upper=False).squeeze(-1)
        stretch = self.factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return -0.5 * (noise.square() + math.log(2 * math.pi)).sum(-1) - stretch


def full_covariance_gaussian(features: Tensor) -> FullCovarianceGaussian:
    """Make a normal posterior N(m, L Lᵀ) with its own covariance, from features `(batch, code (code + 3) / 2)`.

    First the mean, then the logarithms of L's diagonal, then the elements below it, row by row. `sample` draws from it,
    and `kl_estimate` estimates its divergence from any prior. Raises ValueError for another number of features.

    Source: Kingma and Welling, *An Introduction to Variational Autoencoders* (2019), section 2.5.1.
    """
    size = 0 if features.ndim != 2 else (math.isqrt(9 + 8 * features.shape[1]) - 3) // 2
    if size < 1 or size * (size + 3) // 2 != features.shape[1]:
        cause = "a code of d numbers takes d means and d (d + 1) / 2 of a triangle: 2, 5, 9, 14, 20, …"
        raise shape_error("full_covariance_gaussian(features)", "batch (d (d + 3) / 2)", cause, features)
    mean, log_diagonal, below = torch.split(features, [size, size, size * (size - 1) // 2], 1)
    down, across = torch.tril_indices(size, size, -1, device=features.device)
    flat = features.new_zeros(len(features), size * size).index_copy(1, down * size + across, below)
    return FullCovarianceGaussian(mean, flat.view(-1, size, size) + torch.diag_embed(log_diagonal.exp()))


class FlowPosterior(NamedTuple):
    """f⁻¹(u), where u has the normal posterior `base` `(batch, code)` and f is the network of `flow`."""

    base: DiagonalGaussian
    flow: FlowPrior

    def centre(self) -> Tensor:
        """Return the code of the base's mean, `(batch, code)`."""
        return self.flow.from_noise(self.base.mean)

    def draw(self, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the code of a draw from the base, `(batch, code)`."""
        return self.flow.from_noise(drawn_from("sample(posterior)", self.base, generator=generator))

    def log_density(self, codes: Tensor) -> Tensor:
        """Return log N(f(z); base) + log |det ∂f/∂z| in nats, `(batch,)`. Raises ValueError unless shapes are equal."""
        call = "flow_posterior.log_density(codes)"
        require_equal_shapes(call, "batch code, batch code", codes, self.base.mean)
        noise, stretch = self.flow.to_noise(codes)
        return log_density_of(call, self.base, noise) + stretch


def flow_posterior(base: Any, flow: FlowPrior) -> FlowPosterior:
    """Make a flexible posterior: a normal one `(batch, code)`, transformed by a `flow` without classes, learned with
    it.

    One network transforms all of them. `sample` draws from it, and `kl_estimate` estimates its divergence from any
    prior. Raises ValueError for another base or module, for classes, or if the size differs.

    Source: Rezende and Mohamed, *Variational Inference with Normalizing Flows* (2015), Eq. 5.
    """
    call = "flow_posterior(posterior, flow)"
    require_posterior(base, call)
    if not isinstance(flow, FlowPrior):
        raise ValueError(f"{call} needs a flow; found a {type(flow).__name__}")
    if flow.classes:
        raise ValueError(f"{call} needs a flow without classes; this one has {flow.classes}")
    flow.require_size(call, base.mean)
    return FlowPosterior(DiagonalGaussian(base.mean, base.log_variance), flow)
