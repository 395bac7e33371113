"""Properties of the FactorVAE score."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_disentanglement import factor_vae_score
from torch import Tensor

Made = Callable[..., Tensor]

FACTORS = torch.cartesian_prod(torch.arange(3), torch.arange(4), torch.arange(5)).repeat(4, 1)
seeds = st.integers(0, 2**31)
score = partial(factor_vae_score, votes=300, test_votes=150, batch=16)


def of_loops(codes: Tensor, factors: Tensor, votes: int, batch: int, seed: int) -> float:
    """The definition, one vote after another, with draws of its own."""
    generator = torch.Generator().manual_seed(seed)
    whole = codes.var(0)
    counts = [[[0] * factors.shape[1] for _ in range(codes.shape[1])] for _ in ("train", "test")]
    for part in counts:
        for vote in range(votes):
            factor = vote % factors.shape[1]
            value = factors[int(torch.randint(len(factors), (), generator=generator)), factor]
            rows = (factors[:, factor] == value).nonzero().flatten()
            drawn = codes[rows[torch.randint(len(rows), (batch,), generator=generator)]]
            part[int((drawn.var(0) / whole).argmin())][factor] += 1
    train, test = counts
    right = sum(tested[trained.index(max(trained))] for trained, tested in zip(train, test, strict=True))
    return right / votes


@pytest.mark.parametrize("seed", [1, 2])
def test_it_is_what_loops_give(seed: int, mixed: Made) -> None:
    codes = mixed(FACTORS, 4, seed)
    found = factor_vae_score(codes, FACTORS, votes=1500, test_votes=1500, batch=8).factor_vae_score
    assert found == pytest.approx(of_loops(codes, FACTORS, 900, 8, seed), abs=0.06)  # three standard deviations
    assert 0.4 < found < 0.98  # neither chance nor perfect


@settings(max_examples=10)
@given(seeds, st.permutations(range(3)))
def test_a_perfect_code_gives_one(noise: Made, seed: int, order: list[int]) -> None:
    codes = FACTORS[:, order] * noise(1, 3, seed)[0]
    found = score(codes, FACTORS, least_spread=0)
    assert found.factor_vae_score == 1
    assert [order[dimension] for dimension in found.coded_by.tolist()] == [0, 1, 2]
    assert torch.equal(found.matrix, torch.eye(3, dtype=torch.float64)[order])


@settings(max_examples=10)
@given(seeds, st.permutations(range(4)), st.lists(st.sampled_from([-2.0, -0.5, 0.5, 1.0]), min_size=4, max_size=4))
def test_order_sign_and_scale_change_nothing(mixed: Made, seed: int, order: list[int], scales: list[float]) -> None:
    codes = mixed(FACTORS, 4, seed)
    changed = (codes * torch.tensor(scales))[:, order]
    before, after = score(codes, FACTORS, least_spread=0), score(changed, FACTORS, least_spread=0)
    assert after.factor_vae_score == before.factor_vae_score
    torch.testing.assert_close(after.matrix, before.matrix[order])


@settings(max_examples=10)
@given(seeds)
def test_dead_and_doubled_dimensions_change_nothing(noise: Made, mixed: Made, seed: int) -> None:
    codes = mixed(FACTORS, 4, seed)
    dead = torch.cat([codes, torch.full((len(codes), 1), 7.0), 0.01 * noise(len(codes), 1, seed)], 1)
    before, after = score(codes, FACTORS), score(dead, FACTORS)
    assert after.factor_vae_score == before.factor_vae_score
    torch.testing.assert_close(after.matrix[:4], before.matrix)
    assert bool(after.matrix[4].isnan().all())  # constant
    assert bool((after.matrix[5] == 0).all())
    doubled = score(torch.cat([codes, codes], 1), FACTORS)
    assert doubled.factor_vae_score == before.factor_vae_score


def test_a_rotation_lowers_it_and_no_relation_is_chance(noise: Made) -> None:
    turned = FACTORS[:, :2].double() @ torch.tensor([[1.0, 0.75], [-1.0, 0.75]], dtype=torch.float64)
    assert score(turned, FACTORS[:, :2]).factor_vae_score < 0.8
    assert score(noise(len(FACTORS), 5, 0), FACTORS).factor_vae_score == pytest.approx(1 / 3, abs=0.12)


def test_the_generator_decides(mixed: Made) -> None:
    codes = mixed(FACTORS, 4, 0)
    first, again = (score(codes, FACTORS, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    other = score(codes, FACTORS, generator=torch.Generator().manual_seed(4))
    assert first.factor_vae_score == again.factor_vae_score
    assert not torch.equal(first.matrix, other.matrix)


def test_one_factor_is_refused(mixed: Made) -> None:
    with pytest.raises(ValueError, match=r"factor_vae_score\(codes, factors\): .* only one varies"):
        score(mixed(FACTORS, 4, 0), FACTORS[:, 0])
