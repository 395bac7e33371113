"""The check that draws follow a density, which need not be normal or smooth."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

CENTRES = 200
SCALES = (1.0, 0.3, 0.1)
"""Widths of the proposal's normal distributions, in standard deviations of the draws."""
FREQUENCIES = (0.5, 1.0, 2.0, 4.0)
CHUNK = 5_000


def greatest_deviation(
    draws: Tensor, log_density: Callable[[Tensor], Tensor], *, generator: torch.Generator
) -> tuple[float, str]:
    """Measure how far averages over draws are from those over the density, in standard errors; name the farthest.

    It averages one (the density's integral), coordinates, their squares, and waves in random directions. The averages
    over the density use importance sampling from a proposal around some of the draws: normal distributions of three
    widths, which cover the same region as the draws. Density outside that region is missing in its integral.

    Args:
        draws: `(count, code)`, at least a few thousand.
        log_density: of codes `(rows, code)` in nats, `(rows,)`.
        generator: of the proposal and the waves.
    """
    draws = draws.double()
    centres, draws = draws[:CENTRES], draws[CENTRES:]
    spread = draws.std(0).clamp(min=1e-12)
    codes, log_proposal = _proposed(centres, spread, len(draws), generator)
    weight = (log_density(codes.to(torch.float32)).double() - log_proposal).exp()
    directions = torch.randn(len(FREQUENCIES), draws.shape[1], generator=generator, dtype=torch.float64)
    waves = directions * torch.tensor(FREQUENCIES, dtype=torch.float64)[:, None] / spread
    centre = draws.mean(0)

    def features(points: Tensor) -> Tensor:
        scaled = (points - centre) / spread
        phases = (points - centre) @ waves.mT
        return torch.cat([torch.ones(len(points), 1).double(), scaled, scaled.square(), phases.sin(), phases.cos()], 1)

    elements = range(draws.shape[1])
    names = ["the integral", *(f"the mean of element {k}" for k in elements)]
    names += [*(f"the square of element {k}" for k in elements), *(f"wave {k}" for k in range(2 * len(waves)))]
    of_draws, of_density = features(draws), weight[:, None] * features(codes)
    variance = of_draws.var(0) / len(of_draws) + of_density.var(0) / len(of_density)
    difference = (of_draws.mean(0) - of_density.mean(0)).abs()
    deviations = difference / variance.sqrt().clamp(min=1e-9)
    worst = int(deviations.argmax())
    return float(deviations[worst]), names[worst]


def _proposed(centres: Tensor, spread: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw codes `(count, code)` equally from normal distributions around the centres, with their log-density."""
    size = centres.shape[1]
    which = torch.randint(len(centres), (count,), generator=generator)
    scales = torch.tensor(SCALES, dtype=torch.float64)
    scale = scales[torch.randint(len(SCALES), (count,), generator=generator)]
    noise = torch.randn(count, size, generator=generator, dtype=torch.float64)
    codes = centres[which] + scale[:, None] * spread * noise
    normaliser = spread.log().sum() + 0.5 * size * torch.log(torch.tensor(2 * torch.pi, dtype=torch.float64))
    parts = []
    for chunk in torch.split(codes, CHUNK):
        squared = torch.cdist(chunk / spread, centres / spread).square()
        by_scale = [torch.logsumexp(-squared / (2 * s * s), 1) - size * s.log() for s in scales]
        parts.append(torch.logsumexp(torch.stack(by_scale), 0))
    total = torch.log(torch.tensor(float(len(centres) * len(SCALES)), dtype=torch.float64))
    return codes, torch.cat(parts) - total - normaliser
