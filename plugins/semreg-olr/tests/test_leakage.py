"""What rows tell of other labels, against a plain reference in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_olr.leakage import row_leakage
from torch import Tensor

seeds = st.integers(0, 2**31 - 1)
soft = st.booleans()


def drawn(seed: int, batch: int = 9, labels: int = 4, k: int = 3, *, soft: bool = False) -> tuple[Tensor, Tensor]:
    """An embedding and labels, or their probabilities."""
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(batch, labels, k, generator=generator, dtype=torch.float64)
    probability = torch.rand(batch, labels, generator=generator, dtype=torch.float64)
    return embedding, probability if soft else (probability < 0.4).double()


def by_groups(embedding: Tensor, attributes: Tensor, floor: float) -> float:
    """The definition for binary labels: pair by pair, less the means among images with the same own label."""
    total, labels = 0.0, attributes.shape[1]
    for own in range(labels):
        rows, values = embedding[:, own].clone(), attributes.clone()
        for there in (0, 1):
            group = attributes[:, own] == there
            if group.any():
                rows[group] -= rows[group].mean(0)
                values[group] -= values[group].mean(0)
        for other in set(range(labels)) - {own}:
            covariance = (rows * values[:, [other]]).mean(0)
            total += float(covariance.square().sum() / values[:, other].square().mean().clamp(min=floor))
    return total / labels


@given(seeds, st.integers(1, 12), st.integers(1, 5))
def test_equals_the_means_by_groups(seed: int, batch: int, labels: int) -> None:
    embedding, attributes = drawn(seed, batch, labels)
    assert float(row_leakage(embedding, attributes)) == pytest.approx(by_groups(embedding, attributes, 1e-3), abs=1e-12)


@given(seeds, soft)
def test_what_a_row_tells_of_its_own_label_counts_nothing(seed: int, soft: bool) -> None:
    embedding, attributes = drawn(seed, soft=soft)
    direction = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    own = attributes[:, :, None] * direction
    assert float(row_leakage(own + 2, attributes)) == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(row_leakage(embedding + own, attributes), row_leakage(embedding, attributes))


@given(seeds, soft)
def test_it_is_at_most_the_variance_for_each_other_label(seed: int, soft: bool) -> None:
    embedding, attributes = drawn(seed, soft=soft)
    variance = embedding.var(0, correction=0).sum()
    assert 0 <= row_leakage(embedding, attributes) <= 3 * variance / 4 + 1e-12


def test_a_row_that_is_another_label_leaks_all_of_its_variance() -> None:
    attributes = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]]).double()
    embedding = torch.stack([attributes[:, 1], torch.zeros(4).double()], 1)[:, :, None]  # row 0 is label 1
    torch.testing.assert_close(row_leakage(embedding, attributes), torch.tensor(0.25 / 2).double())


@given(seeds, soft)
def test_neither_the_order_nor_the_axes_count_and_the_scale_counts_squared(seed: int, soft: bool) -> None:
    embedding, attributes = drawn(seed, soft=soft)
    expected = row_leakage(embedding, attributes)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    turn = torch.linalg.qr(drawn(seed + 1)[0][:3, 0]).Q
    torch.testing.assert_close(row_leakage(embedding[order], attributes[order]), expected)
    torch.testing.assert_close(row_leakage(embedding @ turn, attributes), expected)
    torch.testing.assert_close(row_leakage(3 * embedding, attributes), 9 * expected)


def test_gradients() -> None:
    embedding, attributes = drawn(0, soft=True)
    leaves = embedding.requires_grad_(), attributes.requires_grad_()
    assert torch.autograd.gradcheck(row_leakage, leaves)


@pytest.mark.parametrize(("batch", "labels"), [(0, 3), (1, 3), (4, 1), (4, 0), (0, 0)])
def test_where_nothing_can_be_told_it_is_a_connected_zero(batch: int, labels: int) -> None:
    embedding = torch.randn(batch, labels, 2, requires_grad=True)
    loss = row_leakage(embedding, torch.ones(batch, labels))
    loss.backward()
    assert loss == 0
    assert embedding.grad is not None
    assert not embedding.grad.any()


def test_labels_that_do_not_vary_give_zero_gradients() -> None:
    embedding, _ = drawn(0)
    loss = row_leakage(embedding.requires_grad_(), torch.ones(9, 4, dtype=torch.float64))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss == 0
    assert embedding.grad is not None
    assert embedding.grad.abs().max() < 1e-9


def test_shapes_that_do_not_fit_are_refused() -> None:
    embedding, attributes = drawn(0)
    for wrong in (embedding[:, :, 0], embedding[:3], embedding[:, :2]):
        with pytest.raises(ValueError, match="the embedding must be"):
            row_leakage(wrong, attributes)
