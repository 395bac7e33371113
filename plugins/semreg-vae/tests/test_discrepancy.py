"""The maximum mean discrepancy: a plain double loop, 0 for equal samples, and unbiased."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_vae.discrepancy import Kernel, mmd
from torch import Tensor

seeds = st.integers(0, 2**31)
kernels: st.SearchStrategy[Kernel] = st.sampled_from(["inverse_multiquadratic", "gaussian"])


def samples(seed: int, rows: int, code: int = 3, count: int = 2) -> Tensor:
    return torch.randn(count, rows, code, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def plain(a: Tensor, b: Tensor, kernel: Kernel, scales: list[float]) -> float:
    def likeness(x: Tensor, y: Tensor) -> float:
        distance, found = float((x - y).square().sum()), []
        for scale in scales:
            constant = 2 * len(x) * scale
            ratio = constant / (constant + distance)
            found.append(math.exp(-distance / constant) if kernel == "gaussian" else ratio)
        return sum(found) / len(scales)

    rows = range(len(a))
    pairs = [(i, j) for i in rows for j in rows if i != j]
    return sum(
        likeness(a[i], a[j]) + likeness(b[i], b[j]) - likeness(a[i], b[j]) - likeness(b[i], a[j]) for i, j in pairs
    ) / max(len(pairs), 1)


@given(seed=seeds, rows=st.integers(1, 6), kernel=kernels, scales=st.lists(st.floats(0.1, 10), min_size=1, max_size=3))
def test_it_is_what_loops_give(seed: int, rows: int, kernel: Kernel, scales: list[float]) -> None:
    a, b = samples(seed, rows)
    found = float(mmd(a, b, kernel=kernel, scales=scales))
    assert found == pytest.approx(plain(a, b, kernel, scales), rel=1e-9, abs=1e-12)


@given(seed=seeds, rows=st.integers(0, 20), kernel=kernels)
def test_equal_samples_have_none(seed: int, rows: int, kernel: Kernel) -> None:
    a, _ = samples(seed, rows)
    assert float(mmd(a, a.clone(), kernel=kernel)) == pytest.approx(0, abs=1e-12)


@given(seed=seeds, rows=st.integers(2, 10), kernel=kernels, shift=st.floats(-5, 5))
def test_moving_and_turning_both_changes_nothing(seed: int, rows: int, kernel: Kernel, shift: float) -> None:
    a, b = samples(seed, rows)
    turn = torch.linalg.qr(samples(seed + 1, 3)[0]).Q
    torch.testing.assert_close(mmd(a @ turn + shift, b @ turn + shift, kernel=kernel), mmd(a, b, kernel=kernel))


@pytest.mark.parametrize("kernel", ["inverse_multiquadratic", "gaussian"])
def test_of_few_draws_it_is_on_average_what_it_is_of_many(kernel: Kernel) -> None:
    """From N(0, I) 0 on average; from N(1, I) what hundreds of draws say, which a biased estimate is far above."""
    random = torch.Generator().manual_seed(0)
    for mean in (0.0, 1.0):
        few = [mmd(a + mean, b, kernel=kernel) for a, b in torch.randn(400, 2, 4, 2, generator=random)]
        a, b = torch.randn(2, 600, 2, generator=random)
        many = float(mmd(a + mean, b, kernel=kernel))
        error = float(torch.stack(few).std()) / math.sqrt(len(few))
        assert abs(float(torch.stack(few).mean()) - many) < 4 * error + 0.01
        assert many > 0.1 or mean == 0


def test_an_unknown_kernel_is_told() -> None:
    with pytest.raises(ValueError, match="found 'rbf'"):
        mmd(*samples(0, 3), kernel="rbf")  # type: ignore[arg-type]
