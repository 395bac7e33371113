"""The Euclidean triplet loss: equal to a plain triple loop, its invariances, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_baselines.triplet import triplet_loss
from torch import Tensor

CLASSES = 5
seeds = st.integers(0, 2**31)
neighborhoods = st.sampled_from(["none", "ring", "line", [(0, 2), (1, 3)]])


def batch(seed: int, rows: int, code: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(rows, code, dtype=torch.float64, generator=generator)
    return codes, torch.randint(CLASSES, (rows,), generator=generator)


def related(a: int, b: int, neighbors: Any) -> bool:
    if a == b:
        return True
    if isinstance(neighbors, list):
        return (min(a, b), max(a, b)) in neighbors
    apart = abs(a - b)
    return {"none": False, "line": apart == 1, "ring": apart in (1, CLASSES - 1)}[neighbors]


def plain(codes: Tensor, labels: Tensor, margin: float, neighbors: Any) -> tuple[Tensor, int]:
    """The sum over active triplets, and their number, by three loops."""
    total, active = codes.sum() * 0, 0
    for a in range(len(codes)):
        for p in range(len(codes)):
            for n in range(len(codes)):
                positive = p != a and related(int(labels[a]), int(labels[p]), neighbors)
                if not positive or related(int(labels[a]), int(labels[n]), neighbors):
                    continue
                excess = (codes[a] - codes[p]).norm() - (codes[a] - codes[n]).norm() + margin
                if excess > 0:
                    total, active = total + excess, active + 1
    return total, active


@settings(max_examples=30)
@given(seed=seeds, rows=st.integers(1, 9), margin=st.floats(0.1, 3), neighbors=neighborhoods)
def test_value_and_gradient_are_those_of_three_loops(seed: int, rows: int, margin: float, neighbors: Any) -> None:
    codes, labels = batch(seed, rows)
    codes.requires_grad_()
    expected, active = plain(codes, labels, margin, neighbors)
    for reduction, divisor in (("sum", 1), ("active", max(active, 1))):
        loss = triplet_loss(
            codes, labels, margin=margin, neighbors=neighbors, num_classes=CLASSES, reduction=reduction  # type: ignore[arg-type]
        )  # fmt: skip
        torch.testing.assert_close(loss, expected / divisor)
        slopes = [torch.autograd.grad(value, codes, retain_graph=True)[0] for value in (loss, expected / divisor)]
        torch.testing.assert_close(*slopes)


@settings(max_examples=20)
@given(seed=seeds, triplets=st.sampled_from(["all", "semihard", "hard"]))
def test_moving_turning_and_shuffling_all_codes_changes_nothing(seed: int, triplets: Any) -> None:
    codes, labels = batch(seed, 12)
    turn = torch.linalg.qr(batch(seed + 1, 3)[0]).Q
    order = torch.randperm(12, generator=torch.Generator().manual_seed(seed))
    before = triplet_loss(codes, labels, triplets=triplets)
    after = triplet_loss((codes @ turn + 7)[order], labels[order], triplets=triplets)
    torch.testing.assert_close(after, before)


@settings(max_examples=20)
@given(seed=seeds, scale=st.floats(0.1, 1e4), margin=st.floats(0.1, 3))
def test_codes_and_margin_may_have_any_unit(seed: int, scale: float, margin: float) -> None:
    codes, labels = batch(seed, 10)
    loss, scaled = (
        triplet_loss(codes, labels, margin=margin),
        triplet_loss(scale * codes, labels, margin=scale * margin),
    )
    torch.testing.assert_close(scaled, scale * loss)


@settings(max_examples=20)
@given(seed=seeds, margin=st.floats(0.1, 3), more=st.floats(0, 3))
def test_the_sum_grows_with_the_margin(seed: int, margin: float, more: float) -> None:
    codes, labels = batch(seed, 10)
    less, greater = (triplet_loss(codes, labels, margin=m, reduction="sum") for m in (margin, margin + more))
    assert greater >= less


def test_classes_a_margin_apart_are_done() -> None:
    codes = torch.tensor([[0.0], [0.1], [5.0], [5.1]], requires_grad=True)
    loss = triplet_loss(codes, torch.tensor([0, 0, 1, 1]), margin=1.0)
    loss.backward()
    assert loss == 0
    assert codes.grad is not None
    assert (codes.grad == 0).all()


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]], ids=["one class", "no positive"])
@pytest.mark.parametrize("triplets", ["all", "semihard", "hard"])
def test_without_a_triplet_it_is_a_connected_zero(labels: list[int], triplets: Any) -> None:
    codes = torch.randn(3, 2, requires_grad=True)
    loss = triplet_loss(codes, torch.tensor(labels), triplets=triplets)
    loss.backward()
    assert loss == 0
    assert codes.grad is not None
    assert (codes.grad == 0).all()


def test_one_code_and_equal_codes_are_finite() -> None:
    for rows, labels in ((1, [0]), (4, [0, 0, 1, 1])):
        codes = torch.ones(rows, 2, requires_grad=True)
        loss = triplet_loss(codes, torch.tensor(labels), margin=1.0)
        loss.backward()
        assert float(loss) == (0.0 if rows == 1 else 1.0)
        assert codes.grad is not None
        assert codes.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gradient_is_right_and_in_the_codes_precision(dtype: torch.dtype) -> None:
    codes, labels = batch(3, 6)
    codes = codes.to(dtype).requires_grad_()
    assert triplet_loss(codes, labels).dtype == dtype
    if dtype == torch.float64:
        assert torch.autograd.gradcheck(lambda x: triplet_loss(x, labels, margin=0.7), (codes,))
    half = codes.detach().bfloat16().requires_grad_()
    loss = triplet_loss(half, labels)
    loss.backward()
    assert loss.dtype == torch.float32
    assert half.grad is not None
    assert half.grad.isfinite().all()


@pytest.mark.parametrize(
    ("codes", "labels", "options", "message"),
    [
        (torch.ones(3), [0, 1, 2], {}, "one class for each code"),
        (torch.ones(3, 2), [0, 1], {}, "one class for each code"),
        (torch.ones(3, 2), [0, 1, 1], {"margin": 0.0}, "above 0, found 0.0"),
        (torch.ones(3, 2), [0, 1, 1], {"margin": float("nan")}, "above 0, found nan"),
        (torch.ones(3, 2), [0, 1, 1], {"reduction": "mean"}, "found 'mean'"),
        (torch.ones(3, 2), [0, 1, 1], {"triplets": "semi"}, "no choice of triplets 'semi'"),
        (torch.ones(3, 2), [0, 1, 1], {"neighbors": "circle"}, "no neighbourhood 'circle'"),
        (torch.ones(3, 2), [0, 1, 1], {"neighbors": "ring", "num_classes": 3}, "a ring of 3 classes has no negatives"),
        (torch.ones(3, 2), [0, 1, 7], {"num_classes": 5}, "5 classes, 0 to 4; found labels from 0 to 7"),
        (torch.tensor([[float("nan")], [1.0]]), [0, 1], {}, "NaN or infinite"),
    ],
    ids=["vector", "labels", "margin", "nan margin", "reduction", "triplets", "neighbors", "ring", "label", "nan"],
)  # fmt: skip
def test_what_does_not_fit_is_told(codes: Tensor, labels: list[int], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        triplet_loss(codes, torch.tensor(labels), **options)
