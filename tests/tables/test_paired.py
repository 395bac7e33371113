"""McNemar's exact test against its definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semreg.tables.paired import paired_test


@settings(deadline=None)  # the first call imports scipy
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_it_is_the_two_sided_binomial_test_of_the_images_that_differ(pairs: list[tuple[bool, bool]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    found = paired_test(first, second)
    assert found.first_only == sum(a > b for a, b in pairs)
    assert found.second_only == sum(b > a for a, b in pairs)
    differing, fewer = found.first_only + found.second_only, min(found[:2])
    tail = sum(math.comb(differing, count) for count in range(fewer + 1)) / 2**differing
    assert found.p_value == pytest.approx(min(1, 2 * tail))


def test_ten_thousand_images() -> None:
    first, second = [True] * 9_930 + [False] * 70, [True] * 9_830 + [False] * 170
    assert paired_test(first, second) == (100, 0, pytest.approx(2**-99))


def test_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 1 outcomes"):
        paired_test([True, False], [True])
