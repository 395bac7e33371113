"""Explicitness of codes that a linear probe reads, and of codes that it doesn't; size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from semreg_disentanglement import FactorWarning, dci, dci_es
from torch import Tensor

Make = Callable[..., Tensor]


def test_what_a_linear_probe_reads_is_explicit_and_what_needs_larger_ones_is_not(noise: Make) -> None:
    codes = noise(900, 2)
    linear, product = (codes[:, 0] > 0).long(), (codes[:, 0] * codes[:, 1] > 0).long()
    found = dci_es(codes, torch.stack([linear, product], 1))
    assert float(found.by_factor[0]) > 0.9
    assert float(found.by_factor[1]) < 0.75
    assert found.explicitness == pytest.approx(float(found.by_factor.mean()))
    assert float(found.losses[0, 1]) == pytest.approx(1, abs=0.05)  # as much as guessing loses
    assert (found.losses.diff(dim=0) <= 0).all()


def test_order_sign_scale_and_dead_dimensions_change_nothing_of_explicitness_and_size(noise: Make) -> None:
    codes = noise(300, 2)
    factors = (codes > 0).long()
    other = torch.cat([-9 * codes, torch.ones(300, 1)], 1)
    ours, theirs = dci_es(codes, factors), dci_es(other, factors)
    assert theirs.explicitness == pytest.approx(ours.explicitness, abs=0.1)
    assert theirs.size == ours.size == 1.0


def test_a_code_of_more_numbers_than_factors_is_larger_and_has_the_scores_of_dci(grid: Make, noise: Make) -> None:
    factors = grid(2, 2, images=120)
    codes = torch.cat([factors.double(), noise(120, 2)], 1)
    found, plain = dci_es(codes, factors), dci(codes, factors)
    assert found.size == 0.5
    assert found[:3] == plain[:3]
    assert torch.equal(found.matrix, plain.matrix)


def test_a_code_that_tells_nothing_is_explicit_since_no_probe_reads_it(grid: Make, noise: Make) -> None:
    factors = grid(2, 2, images=300)
    assert dci_es(noise(300, 3), factors).explicitness > 0.9


def test_an_identity_that_no_two_images_share_is_refused(noise: Make) -> None:
    with (
        pytest.warns(FactorWarning),
        pytest.raises(ValueError, match=r"dci_es\(codes, factors\): no two images share a value of factor 0"),
    ):
        dci_es(noise(60, 2), torch.arange(60))
