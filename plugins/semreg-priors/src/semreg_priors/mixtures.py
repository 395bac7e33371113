"""Learned mixtures of normal distributions: of whole codes, and of each element by itself."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from semreg.components.functional import normal_noise
from semreg_priors.base import SizedPrior
from semreg_priors.functional import chosen, factorised_log_density, mixture_log_density


class MixtureOfGaussians(SizedPrior):
    """Σ_k w_k N(z; μ_k, diag σ_k²) with learned weights, means and variances, without labels.

    Source: Tomczak and Welling, *VAE with a VampPrior* (2018), whose baseline it is, with equal weights.

    Labels are ignored; `gaussian_mixture` has one distribution a class. The divergence is estimated, by `kl_estimate`.

    Args:
        size: the length of the code.
        components: how many distributions; their means start at a draw from N(0, I), their variances at 1.
    """

    title = "mixture_of_gaussians"

    def __init__(self, *, size: Annotated[int, Ge(1)], components: Annotated[int, Ge(1)] = 10) -> None:
        super().__init__(size)
        self.components = components
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, size))
        self.log_variances = nn.Parameter(torch.zeros(components, size))

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`. Raises ValueError if a code has another
        size."""
        self.require_size("log_probability(codes)", codes)
        return mixture_log_density(codes, self.logits.log_softmax(0), self.means, self.log_variances)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, size)`, through which gradients flow to means and variances, not to the weights."""
        own = chosen(self.logits.expand(count, -1), generator=generator)
        noise = normal_noise((count, self.size), like=self.means, generator=generator)
        return self.means[own] + torch.exp(0.5 * self.log_variances[own]) * noise

    def extra_repr(self) -> str:
        return f"size={self.size}, components={self.components}"


class Factorised(SizedPrior):
    """Π_j Σ_k w_jk N(z_j; μ_jk, σ_jk²): independent elements, each with a learned, flexible density.

    Source: Ballé et al., *Variational Image Compression with a Scale Hyperprior* (2018), appendix 6.1.

    Each element's density is a mixture here; theirs has another form (decision). Labels are ignored; the divergence is
    estimated, by `kl_estimate`.

    Args:
        size: the length of the code.
        components: of each element's mixture; their means start evenly spaced from −2 to 2, their variances at 1.
    """

    title = "factorised"

    def __init__(self, *, size: Annotated[int, Ge(1)], components: Annotated[int, Ge(1)] = 5) -> None:
        super().__init__(size)
        self.components = components
        start = torch.linspace(-2, 2, components) if components > 1 else torch.zeros(1)
        self.logits = nn.Parameter(torch.zeros(size, components))
        self.means = nn.Parameter(start.repeat(size, 1))
        self.log_variances = nn.Parameter(torch.zeros(size, components))

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`. Raises ValueError if a code has another
        size."""
        self.require_size("log_probability(codes)", codes)
        return factorised_log_density(codes, self.logits.log_softmax(-1), self.means, self.log_variances)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, size)`, through which gradients flow to means and variances, not to the weights."""
        own = chosen(self.logits.expand(count, -1, -1), generator=generator)[..., None]
        mean = self.means.expand(count, -1, -1).gather(-1, own).squeeze(-1)
        log_variance = self.log_variances.expand(count, -1, -1).gather(-1, own).squeeze(-1)
        return mean + torch.exp(0.5 * log_variance) * normal_noise(mean.shape, like=mean, generator=generator)

    def extra_repr(self) -> str:
        return f"size={self.size}, components={self.components}"
