"""Free bits beside the divergence."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_vae.bits import free_bits
from torch import nn

from semreg.components.losses import kl_divergence
from semreg.components.priors import StandardNormal
from semreg.core import DiagonalGaussian

PRIOR = StandardNormal(size=3)
seeds = st.integers(0, 2**31)


def posterior_of(seed: int) -> DiagonalGaussian:
    return DiagonalGaussian(*torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(seed)).requires_grad_())


@given(seed=seeds)
def test_without_any_it_is_the_divergence(seed: int) -> None:
    torch.testing.assert_close(
        free_bits(posterior_of(seed), PRIOR, free=0.0), kl_divergence(posterior_of(seed), PRIOR, reduction="sum")
    )


@given(seed=seeds, free=st.floats(0, 3))
def test_a_dimension_costs_its_divergence_or_what_is_free(seed: int, free: float) -> None:
    posterior = posterior_of(seed)
    of_each = PRIOR.kl_divergence(posterior).mean(0).detach()
    expected = sum(max(float(kl), free) for kl in of_each)
    assert free_bits(posterior, PRIOR, free=free).item() == pytest.approx(expected, rel=1e-5)


@given(seed=seeds, free=st.floats(0, 3))
def test_gradients_are_those_of_the_divergence_above_and_none_below(seed: int, free: float) -> None:
    posterior = posterior_of(seed)
    of_each = PRIOR.kl_divergence(posterior).mean(0)
    (slope,) = torch.autograd.grad(free_bits(posterior, PRIOR, free=free), posterior.mean)
    (usual,) = torch.autograd.grad(of_each.sum(), posterior.mean, retain_graph=True)
    torch.testing.assert_close(slope, usual * (of_each > free))


def test_what_has_no_divergence_is_refused() -> None:
    with pytest.raises(ValueError, match=r"free_bits\(posterior, prior\) needs a prior .* found a Identity"):
        free_bits(posterior_of(0), nn.Identity())  # type: ignore[arg-type]
