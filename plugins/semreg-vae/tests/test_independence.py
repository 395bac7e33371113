"""Independence by kernels: plain sums over rows, bounds, what changes nothing; and pairs told from others."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_vae.independence import Estimator, hsic, info_nce
from torch import Tensor

seeds = st.integers(0, 2**31)
estimators: st.SearchStrategy[Estimator] = st.sampled_from(["unbiased", "biased"])


def codes(seed: int, rows: int, size: int = 3) -> Tensor:
    return torch.randn(rows, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def kernel(rows: Tensor) -> list[list[float]]:
    distances = [float((a - b).square().sum()) for a, b in itertools.combinations(rows, 2)]
    median = sorted(distances)[(len(distances) - 1) // 2]
    return [[math.exp(-float((a - b).square().sum()) / (2 * median)) for b in rows] for a in rows]


@settings(max_examples=15)
@given(seed=seeds, rows=st.integers(4, 6), estimator=estimators)
def test_it_is_what_sums_over_rows_give(seed: int, rows: int, estimator: Estimator) -> None:
    """The unbiased one is Σ over tuples of different rows: K_ij·(L_ij + L_qr − 2·L_iq), each averaged."""
    a, b = codes(seed, rows), codes(seed + 1, rows, 2)
    first, second = kernel(a), kernel(b)
    if estimator == "unbiased":
        tuples = list(itertools.permutations(range(rows), 4))
        total = sum(first[i][j] * (second[i][j] + second[q][r] - 2 * second[i][q]) for i, j, q, r in tuples)
        expected = total / len(tuples)
    else:
        one, other = torch.tensor(first), torch.tensor(second)
        centring = torch.eye(rows) - 1 / rows
        expected = float((one @ centring @ other @ centring).trace()) / (rows - 1) ** 2
    assert float(hsic(a, b, estimator=estimator)) == pytest.approx(expected, rel=1e-5, abs=1e-7)


@settings(max_examples=25)
@given(seed=seeds, rows=st.integers(4, 12), estimator=estimators, shift=st.floats(-5, 5), scale=st.floats(0.1, 10))
def test_moving_turning_and_scaling_change_nothing(
    seed: int, rows: int, estimator: Estimator, shift: float, scale: float
) -> None:
    a, labels = codes(seed, rows), torch.arange(rows) % 3
    turn = torch.linalg.qr(codes(seed + 1, 3)).Q
    moved = hsic(scale * a @ turn + shift, labels, estimator=estimator)
    torch.testing.assert_close(moved, hsic(a, labels, estimator=estimator), rtol=1e-6, atol=1e-9)


@settings(max_examples=25)
@given(seed=seeds, rows=st.integers(0, 12))
def test_the_biased_one_is_never_negative_and_both_forms_are_symmetric(seed: int, rows: int) -> None:
    a, b = codes(seed, rows), codes(seed + 1, rows)
    assert float(hsic(a, b, estimator="biased")) >= -1e-12
    for estimator in ("biased", "unbiased"):
        torch.testing.assert_close(hsic(a, b, estimator=estimator), hsic(b, a, estimator=estimator))  # type: ignore[arg-type]


def test_the_unbiased_one_is_zero_on_average_where_nothing_is_told_and_positive_where_something_is() -> None:
    labels = torch.arange(8) % 2
    apart = torch.stack([hsic(codes(seed, 8), labels) for seed in range(400)])
    told = torch.stack([hsic(codes(seed, 8) + labels[:, None], labels) for seed in range(100)])
    assert abs(float(apart.mean())) < 4 * float(apart.std()) / 20
    assert float(told.mean()) > 10 * float(apart.std()) / 20


def test_a_wider_kernel_can_be_asked_for_and_a_typo_is_told() -> None:
    a, b = codes(0, 5), codes(1, 5)
    assert not torch.allclose(hsic(a, b), hsic(a, b, deviation=10.0))
    with pytest.raises(ValueError, match="found 'debiased'"):
        hsic(a, b, estimator="debiased")  # type: ignore[arg-type]


@settings(max_examples=25)
@given(seed=seeds, rows=st.integers(1, 6))
def test_telling_pairs_is_what_loops_give(seed: int, rows: int) -> None:
    a, b = codes(seed, rows), codes(seed + 1, rows)
    likeness = (torch.cosine_similarity(a[:, None], b, dim=2) / 0.5).exp()
    expected = -sum(math.log(float(likeness[i, i] / likeness[i].sum())) for i in range(rows)) / rows
    assert float(info_nce(a, b, temperature=0.5)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@settings(max_examples=25)
@given(seed=seeds, rows=st.integers(1, 12))
def test_codes_that_tell_nothing_leave_the_logarithm_of_the_batch(seed: int, rows: int) -> None:
    same = codes(seed, 1).expand(rows, -1)
    assert float(info_nce(same, codes(seed, rows))) >= 0
    assert float(info_nce(same, same)) == pytest.approx(math.log(rows), abs=1e-9)
