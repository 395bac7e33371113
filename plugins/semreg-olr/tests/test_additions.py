"""Labels added by exchange within a batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_olr.additions import add_labels, labels_to_add
from torch import Tensor

seeds = st.integers(0, 2**31 - 1)
sizes = st.integers(0, 6)
RIVALS = [[1], [0, 2], [1], []]


def drawn(seed: int, batch: int = 6, labels: int = 4) -> tuple[Tensor, Tensor]:
    """An embedding and binary labels."""
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(batch, labels, 3, generator=generator, dtype=torch.float64)
    return embedding, (torch.rand(batch, labels, generator=generator, dtype=torch.float64) < 0.4).double()


def additions(attributes: Tensor, seed: int) -> Tensor:
    return labels_to_add(attributes, generator=torch.Generator().manual_seed(seed))


@given(seeds, sizes, sizes)
def test_an_image_gets_what_it_lacks_and_another_one_has(seed: int, batch: int, labels: int) -> None:
    _, attributes = drawn(seed, batch, labels)
    found = additions(attributes, seed)
    assert found.dtype == torch.int64
    assert found.shape == (batch, 2)
    for image, (label, giver) in enumerate(found.tolist()):
        if label < 0:
            assert (label, giver) == (-1, image)
            assert not (attributes.any(0) & (attributes[image] == 0)).any()
        else:
            assert (float(attributes[image, label]), float(attributes[giver, label])) == (0, 1)


def test_every_label_and_image_that_fits_is_drawn_as_often() -> None:
    attributes = torch.tensor([[0.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 1.0, 0.0]])
    pairs = [tuple(additions(attributes, seed)[0].tolist()) for seed in range(600)]
    shares = {pair: pairs.count(pair) / 600 for pair in set(pairs)}
    assert shares.keys() == {(0, 1), (0, 2), (1, 1)}
    assert shares[1, 1] == pytest.approx(0.5, abs=0.06)
    assert shares[0, 1] == pytest.approx(0.25, abs=0.06)


@given(seeds)
def test_only_the_row_and_its_rivals_change(seed: int) -> None:
    embedding, attributes = drawn(seed)
    before = embedding.clone()
    found = additions(attributes, seed)
    rows, labels = (add_labels(values, found, rivals=RIVALS) for values in (embedding, attributes))
    assert torch.equal(embedding, before)
    for image, (label, giver) in enumerate(found.tolist()):
        expected, expected_labels = embedding[image].clone(), attributes[image].clone()
        if label >= 0:
            expected[RIVALS[label]], expected_labels[RIVALS[label]] = 0, 0
            expected[label], expected_labels[label] = embedding[giver, label], 1
        assert torch.equal(rows[image], expected)
        assert torch.equal(labels[image], expected_labels)


def test_without_rivals_only_the_row_changes() -> None:
    embedding, attributes = drawn(0)
    found = additions(attributes, 0)
    changed = (add_labels(embedding, found) != embedding).any(2)
    assert torch.equal(changed, (torch.arange(4) == found[:, :1]))


def test_a_batch_that_offers_nothing_stays_as_it_is() -> None:
    embedding, _ = drawn(0)
    for attributes in (torch.zeros(6, 4), torch.ones(6, 4)):
        found = additions(attributes, 0)
        assert torch.equal(found, torch.stack([torch.full((6,), -1), torch.arange(6)], 1))
        assert torch.equal(add_labels(embedding, found, rivals=RIVALS), embedding)


def test_gradients_flow_to_the_image_that_gives() -> None:
    embedding, attributes = drawn(0)
    found = additions(attributes, 0)
    leaf = embedding.requires_grad_()
    assert torch.autograd.gradcheck(lambda rows: add_labels(rows, found, rivals=RIVALS), (leaf,))


def test_what_does_not_fit_is_refused() -> None:
    embedding, attributes = drawn(0)
    found = additions(attributes, 0)
    with pytest.raises(ValueError, match=r"the attributes must be \(batch, labels\)"):
        labels_to_add(embedding)
    for values, wrong in ((embedding[:3], found), (embedding[:, 0, 0], found), (embedding, found[:, :1])):
        with pytest.raises(ValueError, match="the values must be"):
            add_labels(values, wrong)
    for rivals in ([[1]], [[4], [], [], []], [[-1], [], [], []]):
        with pytest.raises(ValueError, match="rivals must be given for each of 4 labels"):
            add_labels(embedding, found, rivals=rivals)
