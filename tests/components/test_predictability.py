"""Predictability of labels from codes: bounds, invariances, a plain reference, degenerate batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from semreg.components.predictability import FREQUENCIES, predictability

seeds = st.integers(0, 2**31)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(seed: int, rows: int = 40, size: int = 3, classes: int = 4) -> tuple[Tensor, Tensor]:
    source = seeded(seed)
    codes = torch.randn(rows, size, generator=source, dtype=torch.float64)
    return codes, torch.randint(classes, (rows,), generator=source)


def of(codes: Tensor, labels: Tensor, **options: Any) -> Tensor:
    return predictability(codes, labels, **{"classes": 4, "generator": seeded(7), **options})


@given(seeds)
def test_it_is_a_share(seed: int) -> None:
    codes, labels = batch(seed)
    assert 0 <= of(codes, labels) <= 1


@given(seeds)
def test_it_equals_a_ridge_regression_written_out(seed: int) -> None:
    codes, labels = batch(seed)
    points, targets = codes.numpy(), np.eye(4)[labels.numpy()]
    scaled = (points - points.mean(0)) / points.std(0)
    source = seeded(7)
    directions = torch.randn(3, 5, generator=source).numpy()
    low, high = FREQUENCIES
    angles = scaled @ (directions * (low + (high - low) * torch.rand(5, generator=source).numpy()))
    features = np.hstack([scaled, np.cos(angles), np.sin(angles)])
    features, targets = features - features.mean(0), targets - targets.mean(0)
    # the penalty as further rows of a plain least-squares problem; the share by the normal equations' identity
    penalty = np.sqrt(0.3 * len(features) * np.square(features).mean())
    rows = np.vstack([features, penalty * np.eye(features.shape[1])])
    weights = np.linalg.lstsq(rows, np.vstack([targets, np.zeros((features.shape[1], 4))]), rcond=None)[0]
    expected = (targets * (features @ weights)).sum() / np.square(targets).sum()
    assert float(of(codes, labels, waves=5, ridge=0.3)) == pytest.approx(expected, rel=1e-5)


@given(seeds, st.floats(-50, 50), st.floats(0.1, 100))
def test_shift_scale_and_order_do_not_matter(seed: int, shift: float, scale: float) -> None:
    codes, labels = batch(seed)
    value = of(codes, labels)
    scales = torch.tensor([1.0, scale, 1 / scale], dtype=torch.float64)
    torch.testing.assert_close(of(codes * scales + shift, labels), value, rtol=1e-4, atol=1e-5)
    order = torch.randperm(len(codes), generator=seeded(seed))
    torch.testing.assert_close(of(codes[order], labels[order]), value)


def test_codes_that_hold_the_label_are_told_from_those_that_do_not() -> None:
    codes, labels = batch(0, rows=400)
    free = of(codes, labels)
    linear = codes.clone()
    linear[:, 0] = labels.double()
    curved = codes.clone()
    curved[:, 0] = torch.where(labels % 2 == 0, 1.0, 2.0) * torch.sign(codes[:, 0])  # no line tells these apart
    assert free < 0.25
    assert of(linear, labels) > free + 0.2
    assert of(curved, labels) > free + 0.1
    assert of(curved, labels, waves=0) < free + 0.05


def test_descending_it_takes_the_label_out_of_a_code() -> None:
    codes, labels = batch(0, rows=200)
    codes[:, 0] += 3 * labels
    codes.requires_grad_()
    before = float(of(codes, labels, waves=0).detach())
    optimizer = torch.optim.Adam([codes], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        of(codes, labels, waves=0).backward()
        optimizer.step()
    assert before > 0.25
    assert of(codes, labels, waves=0) < 0.01


@given(seeds)
def test_gradients_are_those_of_finite_differences(seed: int) -> None:
    codes, labels = batch(seed, rows=6, size=2)
    assert torch.autograd.gradcheck(lambda z: of(z, labels, waves=2), codes.requires_grad_())


@pytest.mark.parametrize(
    ("codes", "labels"),
    [
        (torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)),
        (torch.ones(1, 3), torch.tensor([2])),
        (torch.randn(8, 3), torch.full((8,), 1)),
        (torch.ones(8, 3), torch.arange(8) % 4),
    ],
    ids=["empty", "one image", "one class", "identical codes"],
)
def test_where_nothing_can_be_explained_it_is_a_connected_zero(codes: Tensor, labels: Tensor) -> None:
    codes = codes.clone().requires_grad_()
    value = of(codes, labels)
    value.backward()
    assert float(value.detach()) == pytest.approx(0, abs=1e-6)
    assert codes.grad is not None
    assert codes.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_dtype_is_kept_and_at_least_float32(dtype: torch.dtype) -> None:
    codes, labels = batch(3)
    assert of(codes.to(dtype), labels).dtype == torch.promote_types(dtype, torch.float32)


def test_what_does_not_fit_is_refused() -> None:
    codes, labels = batch(0)
    with pytest.raises(ValueError, match="the codes are not vectors"):
        of(codes[:, :, None], labels)
    with pytest.raises(ValueError, match="there are 2 classes, 0 to 1; found labels from 0 to 3"):
        of(codes, labels, classes=2)
