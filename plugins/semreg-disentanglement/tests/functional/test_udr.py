"""Properties of the ranking of runs by their agreement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from semreg_disentanglement import udr
from sklearn.linear_model import Lasso
from torch import Tensor

Made = Callable[..., Tensor]

Similarity = Literal["lasso", "spearman"]
BOTH = pytest.mark.parametrize("similarity", ["lasso", "spearman"])
seeds = st.integers(0, 2**31)


def runs(noise: Made, seed: int) -> list[Tensor]:
    """Three runs, of four, four and five dimensions, that share some of what they tell."""
    told = noise(200, 4, seed)
    return [
        told @ noise(4, width, seed + run) + 0.2 * noise(200, width, seed - run)
        for run, width in enumerate((4, 4, 5), 1)
    ]


def similarity_of(source: Tensor, target: Tensor, similarity: Similarity) -> list[list[float]]:
    """R by SciPy, pair by pair, or by scikit-learn, target by target: rows for the dimensions of the source."""
    if similarity == "spearman":
        return [[abs(float(spearmanr(a, b).statistic)) for b in target.T] for a in source.T]
    scaled = [(part - part.mean(0)) / part.std(0, correction=0) for part in (source, target)]
    weights = [Lasso(alpha=0.1).fit(scaled[0].numpy(), column.numpy()).coef_ for column in scaled[1].T]
    return [[abs(float(of_target[a])) for of_target in weights] for a in range(source.shape[1])]


@BOTH
def test_it_is_what_loops_give(similarity: Similarity, noise: Made) -> None:
    codes = runs(noise, 5)
    found = udr(codes, similarity=similarity, least_variance=0)
    assert bool(found.pairwise.diagonal().isnan().all())
    for i, target in enumerate(codes):
        others = []
        for j, source in enumerate(codes):
            if i == j:
                continue
            rows = similarity_of(source, target, similarity)
            columns = list(zip(*rows, strict=True))
            total = sum(max(part) ** 2 / sum(part) for part in (*rows, *columns) if sum(part) > 0)
            others.append(total / (len(rows) + len(columns)))
            assert float(found.pairwise[j, i]) == pytest.approx(others[-1])
        assert float(found.scores[i]) == pytest.approx(sum(others) / 2)  # the median of two


@BOTH
@settings(max_examples=10)
@given(seed=seeds, order=st.permutations(range(3)))
def test_the_same_dimensions_in_other_order_and_sign_agree(
    similarity: Similarity, seed: int, order: list[int], noise: Made
) -> None:
    told = torch.cartesian_prod(torch.arange(4), torch.arange(4), torch.arange(4)).double()  # independent
    found = udr([told, told[:, order] * noise(1, 3, seed)[0].sign()], similarity=similarity)
    assert found.scores.tolist() == pytest.approx([1 if similarity == "spearman" else 0.9] * 2)


@BOTH
@settings(max_examples=10)
@given(
    seed=seeds,
    order=st.permutations(range(4)),
    scales=st.lists(st.sampled_from([-0.9, 0.8, 1.0]), min_size=4, max_size=4),
)
def test_order_sign_scale_and_dead_dimensions_change_nothing(
    similarity: Similarity, seed: int, order: list[int], scales: tuple[float, ...], noise: Made
) -> None:
    first, *others = runs(noise, seed)
    dead = torch.cat([torch.ones(200, 1), 0.01 * noise(200, 1, seed)], 1)
    changed = torch.cat([(first * torch.tensor(scales))[:, order], dead], 1)
    options = {"informative": [torch.ones(part.shape[1], dtype=torch.bool) for part in (first, *others)]}
    before = udr([first, *others], similarity=similarity, **options)
    options["informative"][0] = torch.tensor([True] * 5 + [False])  # the fifth is constant
    after = udr([changed, *others], similarity=similarity, **options)
    torch.testing.assert_close(after.scores, before.scores, atol=1e-3, rtol=0)  # the Lasso's own tolerance
    assert after.informative[0].tolist() == [True] * 4 + [False] * 2


@BOTH
def test_runs_that_mix_agree_less_than_those_that_do_not(similarity: Similarity, noise: Made) -> None:
    told = noise(500, 4, 0)
    found = udr([told, -told, told[:, [3, 0, 1, 2]], told @ torch.linalg.qr(noise(4, 4, 1)).Q], similarity=similarity)
    assert float(found.scores[:3].min()) > float(found.scores[3]) + 0.2
    doubled = udr([told, torch.cat([told, told], 1)], similarity=similarity)
    assert float(doubled.scores[0]) < 0.8  # each has two likes


def test_only_what_varies_informs(noise: Made) -> None:
    told = noise(300, 3, 0)
    narrow = torch.cat([told, 0.1 * noise(300, 1, 1)], 1)  # a hundredth of the variance
    assert udr([told, narrow]).informative[1].tolist() == [True, True, True, False]
    assert udr([told, narrow], least_variance=0.001).informative[1].tolist() == [True] * 4


def test_a_run_that_tells_nothing_agrees_with_none(noise: Made) -> None:
    told = noise(300, 3, 0)
    found = udr([told, told, torch.ones(300, 3)])
    assert found.scores[2] == 0
    assert found.pairwise[2, 0] == found.pairwise[0, 2] == 0


@pytest.mark.parametrize(
    ("codes", "error"),
    [
        ([torch.zeros(3, 2)], "the codes of 1"),
        ([torch.zeros(3, 2), torch.zeros(4, 2)], r"the same in all runs|\(4, 2\)"),
        ([torch.zeros(3), torch.zeros(3)], "images code"),
        ([torch.zeros(1, 2), torch.zeros(1, 2)], "two images at least"),
        ([torch.zeros(3, 2), torch.tensor([[0.0, torch.nan]] * 3)], "run 2 are not finite for 3 of 3 images"),
    ],
)
def test_codes_that_cannot_be_compared_are_refused(codes: list[Tensor], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        udr(codes)


def test_dimensions_that_inform_are_said_for_each_run(noise: Made) -> None:
    with pytest.raises(ValueError, match=r"informative.*one for each dimension"):
        udr(runs(noise, 0), informative=[torch.ones(4, dtype=torch.bool)] * 3)
