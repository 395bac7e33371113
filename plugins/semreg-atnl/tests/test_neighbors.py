"""Neighbourhoods: what they mean, and what is wrong with malformed ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_atnl.neighbors import neighbor_matrix


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
