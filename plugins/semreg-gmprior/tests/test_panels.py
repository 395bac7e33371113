"""Codes moved from class to class of a Gaussian mixture."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_gmprior import GaussianMixture
from semreg_gmprior.panels import moved


def drawn(seed: int) -> tuple[torch.Tensor, GaussianMixture]:
    torch.manual_seed(seed)
    prior = GaussianMixture(classes=3, size=4)
    with torch.no_grad():
        prior.means.mul_(6)
        prior.log_variances.uniform_(-1, 1)
    return prior.sample(5, torch.full((5,), 1)).detach(), prior


@given(seed=st.integers(0, 2**31), wanted=st.integers(0, 2))
def test_a_code_takes_the_same_place_in_another_class(seed: int, wanted: int) -> None:
    codes, prior = drawn(seed)
    deviations = torch.exp(0.5 * prior.floored_log_variances()).detach()
    own = torch.stack([prior.log_probability(codes, torch.full((5,), c)) for c in range(3)], 1).argmax(1)
    before = (codes - prior.means[own]) / deviations[own]
    after = (moved(codes, prior, wanted, 1.0) - prior.means[wanted]) / deviations[wanted]
    assert torch.allclose(before, after, atol=1e-3)


@given(seed=st.integers(0, 2**31), wanted=st.integers(0, 2))
def test_distance_0_is_the_mean_and_nothing_changed_is_the_code(seed: int, wanted: int) -> None:
    codes, prior = drawn(seed)
    assert torch.allclose(moved(codes, prior, wanted, 0.0), prior.means[wanted].detach().expand(5, -1), atol=1e-5)
    assert torch.equal(moved(codes, prior, None, 1.0), codes)
