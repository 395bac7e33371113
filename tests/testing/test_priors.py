"""The kit finds priors whose draws, densities and closed forms do not belong together."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from semreg.components.priors import StandardNormal
from semreg.testing import check_prior

NO_SOURCE = {"source"}


class Uniform(nn.Module):
    """Uniform in [−width, width] for each of `size` elements, codes `(batch, code)`; its density has an edge."""

    zero: Tensor

    def __init__(self, *, size: int, width: float = 1.0) -> None:
        super().__init__()
        self.size, self.width = size, width
        self.register_buffer("zero", torch.zeros(()), persistent=False)

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """`(batch,)`."""
        inside = (codes.abs() <= self.width).all(1)
        density = -self.size * math.log(2 * self.width) + 0 * codes.sum(1)
        return torch.where(inside, density, torch.full_like(density, -math.inf))

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """`(count, size)`."""
        device = self.zero.device if generator is None else generator.device
        chances = torch.rand(count, self.size, generator=generator, device=device)
        return self.width * (2 * chances.to(self.zero) - 1)


def test_a_density_with_an_edge_passes() -> None:
    check_prior(Uniform, options={"size": 2, "width": 3.0}, exempt=NO_SOURCE)


class Narrow(StandardNormal):
    """Draws `(count, size)` a twentieth too narrow."""

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return 0.95 * super().sample(count, generator=generator)


class Shifted(StandardNormal):
    """Draws `(count, size)` beside where the density is."""

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return super().sample(count, generator=generator) + 0.1


class Unnormalised(StandardNormal):
    """A density of codes `(batch, code)` that does not integrate to 1."""

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        return super().log_probability(codes) + 0.1


class WrongDivergence(StandardNormal):
    """A closed form `(batch, code)` that has lost a factor."""

    def kl_divergence(self, posterior: Any, *labels: Tensor) -> Tensor:
        return 0.9 * super().kl_divergence(posterior)


class Forgetful(StandardNormal):
    """Draws around a centre that no checkpoint keeps, codes `(batch, code)`."""

    def __init__(self, *, size: int) -> None:
        super().__init__(size=size)
        self.register_buffer("centre", torch.randn(size), persistent=False)

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        return super().log_probability(codes - self.centre)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return super().sample(count, generator=generator) + self.centre


class Hearing(StandardNormal):
    """Codes `(batch, code)` that a label moves, though it says that it ignores labels."""

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return super().sample(count, generator=generator) + (labels[0][:, None] if labels else 0)


class Global(StandardNormal):
    """Draws `(count, size)` from PyTorch's own generator."""

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return super().sample(count)


@pytest.mark.parametrize(
    ("prior", "failing", "words"),
    [
        (Narrow, {"statistics"}, r"draws do not follow the density: the (square|integral)"),
        (Shifted, {"statistics"}, "draws do not follow the density: the mean"),
        (Unnormalised, {"statistics", "kl"}, "draws do not follow the density: the integral"),
        (WrongDivergence, {"kl"}, "differs from a Monte Carlo estimate"),
        (Forgetful, {"state", "kl"}, "after its state is restored it gives other results"),
        (Hearing, {"labels"}, "it says ignores_labels, and a label changes its draws or densities"),
        (Global, {"determinism"}, "it draws from PyTorch's global generator; draw from `generator`"),
    ],
)
def test_each_fault_is_found_and_named(prior: type[nn.Module], failing: set[str], words: str) -> None:
    with pytest.raises(AssertionError, match=words) as raised:
        check_prior(prior, options={"size": 2}, exempt=NO_SOURCE)
    for name in failing:
        assert f"  {name}: " in str(raised.value)
    check_prior(prior, options={"size": 2}, exempt=NO_SOURCE | failing)
