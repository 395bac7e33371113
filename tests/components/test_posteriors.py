"""What is asked of any posterior: of normal ones here, of others by their own methods."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from semreg.components import operations
from semreg.components.losses import kl_divergence, kl_estimate
from semreg.components.posteriors import log_density_of
from semreg.components.priors import StandardNormal
from semreg.core import DiagonalGaussian


class Point(NamedTuple):
    """One code, and half a nat."""

    code: Tensor

    def centre(self) -> Tensor:
        return self.code

    def draw(self, *, generator: torch.Generator | None = None) -> Tensor:
        return self.code + 1

    def log_density(self, codes: Tensor) -> Tensor:
        return codes.sum(1) * 0 + 0.5


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 5, 5), (0, 3)])
def test_a_normal_posterior_s_density_is_that_of_whole_codes(shape: tuple[int, ...]) -> None:
    posterior, codes = DiagonalGaussian(normal(*shape), normal(*shape, seed=1)), normal(*shape, seed=2)
    elements = Normal(posterior.mean, (posterior.log_variance / 2).exp()).log_prob(codes)
    torch.testing.assert_close(log_density_of("loss", posterior, codes), elements.flatten(1).sum(1))
    with pytest.raises(ValueError, match=r"loss: a draw has its posterior's shape"):
        log_density_of("loss", posterior, normal(9, 3))


def test_others_bring_methods_of_their_own() -> None:
    posterior = Point(normal(4, 3))
    draws = operations.sample(posterior)
    assert torch.equal(draws, posterior.code + 1)
    assert operations.posterior_mean(posterior) is posterior.code
    prior = StandardNormal(size=3).double()
    expected = 0.5 - prior.log_probability(draws)
    torch.testing.assert_close(kl_estimate(draws, posterior, prior, reduction="sum"), expected.mean())
    torch.testing.assert_close(kl_estimate(draws, posterior, prior), expected.mean() / 3)


def test_the_estimate_s_mean_is_the_divergence() -> None:
    posterior = DiagonalGaussian(normal(1, 3).expand(50_000, -1), normal(1, 3, seed=1).expand(50_000, -1))
    prior = StandardNormal(size=3).double()
    draws = operations.sample(posterior, generator=torch.Generator().manual_seed(0))
    exact = float(kl_divergence(posterior, prior))
    assert float(kl_estimate(draws, posterior, prior)) == pytest.approx(exact, rel=0.02)


def test_what_is_neither_posterior_nor_prior_is_told() -> None:
    codes = normal(2, 3)
    with pytest.raises(ValueError, match=r"kl_estimate.* takes a posterior .*found a Tensor of shape \(2, 3\)"):
        kl_estimate(codes, codes, StandardNormal(size=3))
    with pytest.raises(ValueError, match="needs a prior with a method log_probability; found a Identity"):
        kl_estimate(codes, DiagonalGaussian(codes, codes), torch.nn.Identity())  # type: ignore[arg-type]
