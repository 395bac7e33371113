"""The mathematics of the priors as pure functions of tensors; logarithms are natural, densities in nats."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from semreg.components.functional import at_least_float32, gaussian_log_density, normal_noise


def uniform_noise(
    shape: tuple[int, ...] | torch.Size, *, like: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Draw numbers from (0, 1] of `shape` with the device and dtype of `like`, in float32 on the generator's device."""
    device = like.device if generator is None else generator.device
    return (1 - torch.rand(shape, generator=generator, device=device)).to(like)


def gamma_noise(concentration: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Draw from Gamma(concentration, 1) in the shape of `concentration`, on the generator's device.

    Gradients to the concentration are implicit: right for averages over draws, not for one draw (Figurnov et al.,
    *Implicit Reparameterization Gradients*, 2018).
    """
    device = concentration.device if generator is None else generator.device
    wide = at_least_float32(concentration)  # below it PyTorch has none
    drawn: Tensor = torch._standard_gamma(wide.to(device), generator=generator)
    # a draw of a small concentration can be rounded to 0
    return drawn.to(concentration).clamp(min=torch.finfo(concentration.dtype).tiny)


def random_signs(x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Give the numbers random signs of equal probability."""
    return torch.where(uniform_noise(x.shape, like=x, generator=generator) <= 0.5, x, -x)


def chosen(logits: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Draw an index into the last axis of `logits`, with their softmax as probabilities, int64 `(...)`.

    It is the greatest of the logits with Gumbel noise: unlike `multinomial`, it doesn't read values on the host.
    """
    noise = -torch.log(uniform_noise(logits.shape, like=logits, generator=generator))
    return (logits.detach() - torch.log(noise.clamp(min=torch.finfo(logits.dtype).tiny))).argmax(-1)


def laplace_log_density(codes: Tensor, scale: float) -> Tensor:
    """Return −|z| / b − log 2b of each element."""
    return -codes.abs() / scale - math.log(2 * scale)


def laplace_kl(mean: Tensor, log_variance: Tensor, scale: float) -> Tensor:
    """Return KL(N(m, σ²) ‖ Laplace(0, b)) of each element in nats, never negative.

    log 2b + E|z| / b − ½ log 2πeσ², where E|z| = σ √(2/π) exp(−m² / 2σ²) + m erf(m / σ√2).
    """
    deviation = torch.exp(0.5 * log_variance)
    # beyond 40 deviations E|z| is |m| to all digits, and a deviation may be too small for a number
    ratio = (mean / deviation.clamp(min=torch.finfo(deviation.dtype).tiny)).clamp(-40, 40)
    absolute = deviation * math.sqrt(2 / math.pi) * torch.exp(-0.5 * ratio.square())
    absolute = absolute + mean * torch.erf(ratio * math.sqrt(0.5))
    return math.log(2 * scale) + absolute / scale - 0.5 * (math.log(2 * math.pi) + 1 + log_variance)


def student_t_log_density(codes: Tensor, degrees: float, scale: float) -> Tensor:
    """Return the log of Γ((ν+1)/2) / (Γ(ν/2) √(πν) s) · (1 + z² / νs²)^(−(ν+1)/2) of each element."""
    constant = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - 0.5 * math.log(math.pi * degrees)
    return constant - math.log(scale) - (degrees + 1) / 2 * torch.log1p((codes / scale).square() / degrees)


def generalised_normal_log_density(codes: Tensor, power: float, scale: float) -> Tensor:
    """Return the log of β / (2s Γ(1/β)) · exp(−|z / s|^β) of each element."""
    constant = math.log(power) - math.log(2 * scale) - math.lgamma(1 / power)
    return constant - (codes / scale).abs().pow(power)


def mixture_log_density(codes: Tensor, log_weights: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    """Return log Σ_k w_k N(z; μ_k, diag σ_k²) of codes `(batch, size)`, `(batch,)`.

    `log_weights` `(components,)`, `means` and `log_variances` `(components, size)`. Memory is (batch, components,
    size).
    """
    parts = gaussian_log_density(codes[:, None], means, log_variances).sum(-1)
    return torch.logsumexp(log_weights + parts, 1)


def factorised_log_density(codes: Tensor, log_weights: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    """Return Σ_j log Σ_k w_jk N(z_j; μ_jk, σ_jk²) of codes `(batch, size)`, `(batch,)`; the others
    `(size, components)`."""
    parts = gaussian_log_density(codes[..., None], means, log_variances)
    return torch.logsumexp(log_weights + parts, -1).sum(-1)


def sphere_log_area(size: int) -> float:
    """Return the log of the area 2 π^(d/2) / Γ(d/2) of the unit sphere in d = `size` dimensions."""
    return math.log(2) + size / 2 * math.log(math.pi) - math.lgamma(size / 2)


def power_spherical_log_normaliser(concentration: Tensor, size: int) -> Tensor:
    """Return the log of N(κ, d) = 2^(α+β) π^β Γ(α) / Γ(α+β), α = (d−1)/2 + κ, β = (d−1)/2 (De Cao and Aziz 2020)."""
    half = (size - 1) / 2
    alpha = half + concentration.double()  # for large κ the two lgammas differ in digits that float32 lacks
    constants = (alpha + half) * math.log(2) + half * math.log(math.pi)
    return (constants + torch.lgamma(alpha) - torch.lgamma(alpha + half)).to(concentration.dtype)


def power_spherical_log_density(codes: Tensor, direction: Tensor, concentration: Tensor) -> Tensor:
    """Return the log of (1 + μᵀz)^κ / N(κ, d) of unit vectors `(batch, size)` with respect to the sphere's area,
    `(batch,)`.

    `direction` is μ, `(batch, size)` unit vectors; `concentration` κ ≥ 0, `(batch,)`.
    """
    cosine = (codes * direction).sum(-1)
    # the density exactly opposite to μ is 0; the floor keeps its logarithm finite
    rise = torch.log1p(cosine.clamp(min=-1 + torch.finfo(codes.dtype).eps))
    return concentration * rise - power_spherical_log_normaliser(concentration, codes.shape[-1])


def power_spherical_kl(concentration: Tensor, size: int) -> Tensor:
    """Return KL(power spherical ‖ uniform on the sphere) in nats in the shape of κ, 0 for κ = 0 (De Cao and Aziz 2020).

    log |S| − H = log |S| − log N(κ, d) + κ (log 2 + ψ(α) − ψ(α+β)).
    """
    half, wide = (size - 1) / 2, concentration.double()
    slope = math.log(2) + torch.digamma(half + wide) - torch.digamma(2 * half + wide)
    divergence = sphere_log_area(size) - power_spherical_log_normaliser(wide, size) + wide * slope
    return divergence.to(concentration.dtype)


def power_spherical_draw(
    direction: Tensor, concentration: Tensor, *, generator: torch.Generator | None = None
) -> Tensor:
    """Draw once for each row, unit vectors `(batch, size)` (De Cao and Aziz 2020, Algorithm 1).

    The cosine with μ is 2 Beta(α, β) − 1, the rest of the first axis's tangent uniform; a Householder reflection maps
    the first axis to μ.
    """
    rows, size = direction.shape
    half, dtype = (size - 1) / 2, direction.dtype
    direction, concentration = at_least_float32(direction), at_least_float32(concentration)
    first = gamma_noise(concentration + half, generator=generator)
    second = gamma_noise(torch.full_like(concentration, half), generator=generator)
    cosine = (first - second) / (first + second)
    noise = normal_noise((rows, size - 1), like=direction, generator=generator)
    tangent = unit(noise.masked_fill(noise == 0, 1e-6))  # a 0, one number in millions, has no direction by itself
    sine = torch.sqrt((1 - cosine.square()).clamp(min=torch.finfo(cosine.dtype).eps ** 2))
    start = torch.cat([cosine[:, None], sine[:, None] * tangent], 1)
    axis = torch.zeros_like(direction)
    axis[:, 0] = 1
    mirror = unit(axis - direction)
    return (start - 2 * (start * mirror).sum(-1, keepdim=True) * mirror).to(dtype)


def unit(vectors: Tensor) -> Tensor:
    """Scale vectors `(batch, size)` to length 1; one of nearly no length stays nearly zero."""
    return F.normalize(at_least_float32(vectors), dim=-1).to(vectors.dtype)
