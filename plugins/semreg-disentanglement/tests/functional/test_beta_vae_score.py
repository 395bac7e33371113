"""Properties of the β-VAE score."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_disentanglement import beta_vae_score
from sklearn.linear_model import LogisticRegression
from torch import Tensor

Made = Callable[..., Tensor]

FACTORS = torch.cartesian_prod(torch.arange(3), torch.arange(4), torch.arange(5)).repeat(4, 1)
seeds = st.integers(0, 2**31)
score = partial(beta_vae_score, points=300, test_points=150, batch=16)


def of_loops(codes: Tensor, factors: Tensor, points: int, batch: int) -> float:
    """The definition, one pair after another, with draws of its own."""
    random = np.random.default_rng(0)
    z, v = (codes / codes.std(0)).numpy(), factors.numpy()
    sets = []
    for _ in ("train", "test"):
        drawn, labels = [], []
        for point in range(points):
            factor, differences = point % v.shape[1], []
            for row in random.integers(len(v), size=batch):
                others = np.flatnonzero(v[:, factor] == v[row, factor])
                differences.append(abs(z[row] - z[random.choice(others[others != row])]))
            drawn.append(np.mean(differences, axis=0))
            labels.append(factor)
        sets.append((drawn, labels))
    train, test = sets
    return float(LogisticRegression().fit(*train).score(*test))


def test_it_is_what_loops_give(mixed: Made) -> None:
    codes = mixed(FACTORS, 4, 3)
    found = beta_vae_score(codes, FACTORS, points=600, test_points=3000, batch=4).beta_vae_score
    assert found == pytest.approx(of_loops(codes, FACTORS, 450, 4), abs=0.07)  # three standard deviations
    assert 0.4 < found < 0.98  # neither chance nor perfect


@settings(max_examples=3)
@given(seeds, st.permutations(range(3)))
def test_a_perfect_code_gives_one(noise: Made, seed: int, order: list[int]) -> None:
    found = score(FACTORS[:, order] * noise(1, 3, seed)[0], FACTORS)
    assert found.beta_vae_score == 1
    assert [order[dimension] for dimension in found.coded_by.tolist()] == [0, 1, 2]
    assert found.matrix[order.index(0), 0] == 1
    assert float(found.matrix[order.index(0), 1]) == pytest.approx(0, abs=0.2)


@settings(max_examples=3)
@given(seeds, st.permutations(range(4)), st.lists(st.sampled_from([-8.0, -0.1, 0.1, 1.0]), min_size=4, max_size=4))
def test_order_sign_scale_and_dead_dimensions_change_nothing(
    mixed: Made, seed: int, order: list[int], scales: list[float]
) -> None:
    codes = mixed(FACTORS, 4, seed)
    changed = torch.cat([(codes * torch.tensor(scales))[:, order], torch.ones(len(codes), 1)], 1)
    before, after = score(codes, FACTORS), score(changed, FACTORS)
    assert after.beta_vae_score == pytest.approx(before.beta_vae_score, abs=0.01)  # one point more or less
    torch.testing.assert_close(after.matrix[:4], before.matrix[order])
    assert bool(after.matrix[4].isnan().all())


def test_doubled_dimensions_change_little(mixed: Made) -> None:
    codes = mixed(FACTORS, 4, 3)
    doubled = score(torch.cat([codes, codes], 1), FACTORS)
    assert doubled.beta_vae_score == pytest.approx(score(codes, FACTORS).beta_vae_score, abs=0.05)  # a lighter penalty


def test_a_rotation_lowers_it_and_no_relation_is_chance(noise: Made) -> None:
    turned = FACTORS[:, :2].double() @ torch.tensor([[1.0, 0.75], [-1.0, 0.75]], dtype=torch.float64)
    assert score(turned, FACTORS[:, :2]).beta_vae_score < 0.9
    assert score(noise(len(FACTORS), 5, 0), FACTORS).beta_vae_score == pytest.approx(1 / 3, abs=0.12)


def test_one_factor_is_refused(mixed: Made) -> None:
    with pytest.raises(ValueError, match=r"beta_vae_score\(codes, factors\): .* only one varies"):
        score(mixed(FACTORS, 4, 0), FACTORS[:, 0])
