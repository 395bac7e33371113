from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from semreg.core import TEST
from semreg.data.splits import drawn_split, random_order, share


def test_the_order_is_the_same_on_every_machine() -> None:
    assert random_order(8, 0).tolist() == [1, 0, 2, 7, 5, 4, 6, 3]
    assert random_order(8, 3).tolist() == [6, 7, 0, 2, 4, 5, 3, 1]


@given(st.integers(0, 300), st.integers(0, 2**40))
def test_an_order_is_a_permutation(count: int, seed: int) -> None:
    assert sorted(random_order(count, seed).tolist()) == list(range(count))


def test_an_order_is_not_the_original_one() -> None:
    order = random_order(10_000)
    assert abs(np.corrcoef(order, np.arange(10_000))[0, 1]) < 0.05


@given(st.lists(st.integers(0, 3), max_size=60))
def test_each_class_is_tested(classes: list[int]) -> None:
    labels = np.array(classes, dtype=np.int64)
    split = drawn_split(len(labels), classes=labels)
    for value in set(classes):
        assert (split[labels == value] == TEST).sum() == round(0.2 * classes.count(value))


def test_share() -> None:
    assert share(7, 100) == 7
    assert share(0.25, 100) == 25
