"""Priors with heavier or lighter tails than a normal distribution, for each element separately; nothing is trained."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from semreg.components.functional import normal_noise
from semreg.core import DiagonalGaussian, require_posterior
from semreg_priors.base import SizedPrior
from semreg_priors.functional import (
    gamma_noise,
    generalised_normal_log_density,
    laplace_kl,
    laplace_log_density,
    random_signs,
    student_t_log_density,
    uniform_noise,
)

Size = Annotated[int, Ge(1)]
Scale = Annotated[float, Gt(0)]


class Laplace(SizedPrior):
    """Independent Laplace distributions, p(z_j) = exp(−|z_j| / b) / 2b: its peak favours codes with elements near 0.

    Source: Barello, Charles and Pillow, *Sparse-Coding Variational Auto-Encoders* (2018).

    Labels are ignored.

    Args:
        size: the length of the code.
        scale: b; 1/√2 gives a variance of 1.
    """

    title = "laplace"

    def __init__(self, *, size: Size, scale: Scale = 1.0) -> None:
        super().__init__(size)
        self.scale = scale

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`. Raises ValueError if a code has another
        size."""
        self.require_size("log_probability(codes)", codes)
        return laplace_log_density(codes, self.scale).sum(-1)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, size)`."""
        exponential = -uniform_noise((count, self.size), like=self.zero, generator=generator).log()
        return self.scale * random_signs(exponential, generator=generator)

    def kl_divergence(self, posterior: DiagonalGaussian, *labels: Tensor) -> Tensor:
        """Return KL(posterior ‖ prior) of each element in nats, `(batch, code)`. Raises ValueError if the size
        differs."""
        require_posterior(posterior, "laplace.kl_divergence(posterior)")
        self.require_size("kl_divergence(posterior)", posterior.mean)
        return laplace_kl(posterior.mean, posterior.log_variance, self.scale)


class StudentT(SizedPrior):
    """Independent Student's t distributions: p(z_j) ∝ (1 + z_j² / νs²)^(−(ν+1)/2), which allow a few codes far out.

    Source: Abiri and Ohlsson, *Variational Auto-Encoders with Student's t-Prior* (2019).

    Labels are ignored; the divergence is estimated, by `kl_estimate`.

    Args:
        size: the length of the code.
        degrees: ν; the tails are heavier for fewer degrees. Above 2 the variance is ν s² / (ν − 2).
        scale: s.
    """

    title = "student_t"

    def __init__(self, *, size: Size, degrees: Annotated[float, Gt(0)] = 5.0, scale: Scale = 1.0) -> None:
        super().__init__(size)
        self.degrees, self.scale = degrees, scale

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`. Raises ValueError if a code has another
        size."""
        self.require_size("log_probability(codes)", codes)
        return student_t_log_density(codes, self.degrees, self.scale).sum(-1)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, size)`."""
        noise = normal_noise((count, self.size), like=self.zero, generator=generator)
        squares = 2 * gamma_noise(torch.full_like(noise, self.degrees / 2), generator=generator)
        return self.scale * noise * torch.sqrt(self.degrees / squares)


class GeneralisedNormal(SizedPrior):
    """Independent generalised normal distributions, p(z_j) ∝ exp(−|z_j / s|^β): from Laplace (1) to nearly uniform.

    Source: Nadarajah, *A Generalized Normal Distribution* (2005), Eq. 1.

    Labels are ignored; the divergence is estimated, by `kl_estimate`.

    Args:
        size: the length of the code.
        power: β; 2 is a normal distribution of variance s² / 2.
        scale: s.
    """

    title = "generalised_normal"

    def __init__(self, *, size: Size, power: Annotated[float, Ge(1)] = 4.0, scale: Scale = 1.0) -> None:
        super().__init__(size)
        self.power, self.scale = power, scale

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`. Raises ValueError if a code has another
        size."""
        self.require_size("log_probability(codes)", codes)
        return generalised_normal_log_density(codes, self.power, self.scale).sum(-1)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, size)`."""
        shape = self.zero.new_full((count, self.size), 1 / self.power)
        radius = gamma_noise(shape, generator=generator).pow(1 / self.power)
        return self.scale * random_signs(radius, generator=generator)
