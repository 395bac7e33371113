"""The capacity that rises, by itself and over a run's phase."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_vae.capacity import kl_capacity

from semreg.components.losses import kl_divergence
from semreg.components.priors import StandardNormal
from semreg.core import DiagonalGaussian
from tests.conforming import normal

PRIOR = StandardNormal(size=3)
POSTERIOR = DiagonalGaussian(normal(6, 3), normal(6, 3, seed=1))
KL = float(kl_divergence(POSTERIOR, PRIOR, reduction="sum"))
shares = st.floats(0, 1)


@given(capacity=st.floats(0, 50), progress=shares, rising=st.floats(0.01, 1))
def test_it_is_the_distance_from_what_has_risen_by_then(capacity: float, progress: float, rising: float) -> None:
    found = kl_capacity(POSTERIOR, PRIOR, capacity=capacity, rising=rising, progress=progress)
    assert float(found) == pytest.approx(abs(KL - capacity * min(progress / rising, 1)), rel=1e-5, abs=1e-5)
    of_a_run = kl_capacity(POSTERIOR, PRIOR, capacity=capacity, rising=rising, progress=torch.tensor(progress))
    torch.testing.assert_close(of_a_run, found)


@given(capacity=st.floats(0, 50))
def test_at_first_it_is_the_divergence_and_at_last_the_capacity_is_full(capacity: float) -> None:
    first, last = (kl_capacity(POSTERIOR, PRIOR, capacity=capacity, progress=share) for share in (0.0, 1.0))
    assert float(first) == pytest.approx(KL)
    assert float(last) == pytest.approx(abs(KL - capacity), rel=1e-5, abs=1e-5)
    assert torch.equal(last, kl_capacity(POSTERIOR, PRIOR, capacity=capacity))  # outside of training


@given(capacity=st.floats(0, 50))
def test_it_pulls_a_divergence_down_to_the_capacity_or_up_to_it(capacity: float) -> None:
    mean = POSTERIOR.mean.clone().requires_grad_()
    posterior = DiagonalGaussian(mean, POSTERIOR.log_variance)
    (slope,) = torch.autograd.grad(kl_capacity(posterior, PRIOR, capacity=capacity), mean)
    (of_divergence,) = torch.autograd.grad(kl_divergence(posterior, PRIOR, reduction="sum"), mean)
    torch.testing.assert_close(slope, of_divergence if capacity < KL else -of_divergence)
