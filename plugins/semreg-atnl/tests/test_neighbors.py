"""Neighbourhoods: what they mean, and what is wrong with malformed ones."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_atnl.neighbors import neighbor_matrix, partner


@given(st.integers(4, 9), st.data())
def test_any_subset_of_the_classes_is_the_submatrix(count: int, data: st.DataObject) -> None:
    everything = torch.arange(count)
    subset = torch.tensor(data.draw(st.lists(st.integers(0, count - 1), unique=True)), dtype=torch.long)
    index = st.integers(0, count - 1)
    pairs = data.draw(st.lists(st.tuples(index, index), max_size=2))
    given_pairs = torch.eye(count, dtype=torch.bool)
    for a, b in pairs:
        given_pairs[a, b] = given_pairs[b, a] = True
    ring = torch.eye(count, dtype=torch.bool)
    ring[everything, (everything + 1) % count] = ring[(everything + 1) % count, everything] = True
    line = ring.clone()
    line[0, -1] = line[-1, 0] = False
    meanings: list[tuple[Any, torch.Tensor]] = [
        ("ring", ring),
        ("line", line),
        ("none", torch.eye(count, dtype=torch.bool)),
        (pairs, given_pairs),
        (line, line),
        ((line & ~torch.eye(count, dtype=torch.bool)).tolist(), line),  # the diagonal is not read
        (line.numpy(), line),
        (np.array(pairs).reshape(-1, 2), given_pairs),
    ]
    for neighbors, expected in meanings:
        assert torch.equal(neighbor_matrix(neighbors, everything, num_classes=count), expected)
        assert torch.equal(neighbor_matrix(neighbors, subset, num_classes=count), expected[subset][:, subset])


def test_without_the_number_of_classes() -> None:
    classes = torch.tensor([0, 1, 5])
    expected = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    assert torch.equal(neighbor_matrix("line", classes), expected)
    assert torch.equal(neighbor_matrix("none", classes), torch.eye(3, dtype=torch.bool))
    assert torch.equal(neighbor_matrix([(1, 0), (7, 5)], classes), expected)
    with pytest.raises(ValueError, match="a ring needs num_classes"):
        neighbor_matrix("ring", classes)


@pytest.mark.parametrize(
    ("neighbors", "num_classes", "said"),
    [
        ("rings", 10, "no neighbourhood 'rings'; did you mean 'ring'"),
        ("ring", 3, "a ring of 3 classes has no negatives; it takes at least 4"),
        ("line", 2, "a line of 2 classes has no negatives; it takes at least 3"),
        ("none", 1, "1 class has no negatives"),
        ([(0, 1), (0, 2), (1, 2)], 3, "neighbours of all 3 classes"),
        ([[True] * 4] * 4, 4, "neighbours of all 4 classes"),
        ([[True, False, False]] * 2, None, "must be square"),
        (torch.eye(3, dtype=torch.bool), 4, r"is \(3, 3\); it must be \(4, 4\)"),
        (torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 1]]) == 1, 3, "classes 0 and 1 are neighbours one way"),
        ([(0, 9)], 9, "a pair names class 9; the classes are 0 to 8"),
        ([(0, -1)], 9, "a pair names class -1"),
        ([(0, 1, 2)], 9, r"found int64 \(1, 3\)"),
        ([(0, 1), (2,)], 9, "neither pairs of classes nor a matrix"),
        ([("a", "b")], 9, "neither pairs of classes nor a matrix"),
        ([(0.0, 1.0)], 9, r"found float32 \(1, 2\)"),
    ],
)  # fmt: skip
def test_malformed(neighbors: Any, num_classes: int | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        neighbor_matrix(neighbors, torch.arange(2), num_classes=num_classes)


@given(st.lists(st.integers(0, 5), max_size=12), st.sampled_from(["ring", "line", "none", [(0, 3), (3, 5)]]), st.data())
def test_a_partner_is_of_a_neighbouring_class_where_there_is_one(
    labels: list[int], neighbors: Any, data: st.DataObject
) -> None:
    classes, seed = torch.tensor(labels, dtype=torch.long), data.draw(st.integers(0, 2**31))
    found, again = (
        partner(classes, neighbors=neighbors, num_classes=6, generator=torch.Generator().manual_seed(seed))
        for _ in range(2)
    )
    assert torch.equal(found, again)
    assert found.dtype == torch.int64
    related = neighbor_matrix(neighbors, torch.arange(6), num_classes=6)
    for row, other in enumerate(found.tolist()):
        possible = [k for k, label in enumerate(labels) if label != labels[row] and related[labels[row], label]]
        assert other in (possible or [row])


def test_each_row_of_the_neighbouring_classes_is_as_likely() -> None:
    labels, generator = torch.tensor([0, 1, 1, 1, 9, 5]), torch.Generator().manual_seed(0)
    found = torch.stack([partner(labels, neighbors="ring", num_classes=10, generator=generator) for _ in range(4000)])
    shares = found[:, 0].bincount(minlength=6) / len(found)
    torch.testing.assert_close(shares, torch.tensor([0, 0.25, 0.25, 0.25, 0.25, 0]), rtol=0, atol=0.03)
    assert (found[:, 5] == 5).all()


@pytest.mark.parametrize(
    ("labels", "neighbors", "said"),
    [
        (torch.tensor([0, 10]), "ring", "there are 10 classes, 0 to 9; found labels from 0 to 10"),
        (torch.tensor([0.0, 1.0]), "ring", "labels are classes, int64, found float32"),
        (torch.tensor([0, 1]), "circle", "there is no neighbourhood 'circle'"),
    ],
)
def test_a_partner_is_of_known_classes(labels: torch.Tensor, neighbors: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        partner(labels, neighbors=neighbors, num_classes=10)
