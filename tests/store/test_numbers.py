"""Numbers are short and true, and those of a series are told apart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semreg.store.numbers import column, distinct, number, rounded, size


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0139, "0.0139"), (1.5, "1.5"), (0.98765, "0.988"), (12400, "12400"), (-0.02, "-0.02"),
     (2.3e-5, "2.3e-05"), (3e7, "3.0e+07"), (math.nan, "–"), (math.inf, "–"), (0.028, "0.028")],
)  # fmt: skip
def test_numbers_show_the_digits_that_matter(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1.0, 1.5, 2.0], ["1", "1.5", "2"]),
        ([0.9991, 0.9992, 0.9993], ["0.9991", "0.9992", "0.9993"]),
        ([1000.2, 1000.4], ["1000.2", "1000.4"]),
        ([1.00001e7, 1.00002e7], ["1.00001e+07", "1.00002e+07"]),
        ([0.5, 0.5], ["0.5", "0.5"]),
        ([], []),
    ],
)
def test_a_series_has_the_digits_that_tell_its_numbers_apart(values: list[float], texts: list[str]) -> None:
    assert distinct(values) == texts


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), unique=True, max_size=6))
def test_what_differs_is_written_differently(values: list[float]) -> None:
    texts = distinct(values)
    assert len(set(texts)) == len({0.0 if value == 0 else value for value in values})


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (0.0207, 3, "0.021"),
        (-0.0004, 3, "0.000"),
        (-0.0, 2, "0.00"),
        (1.25, 0, "1"),
        (math.nan, 1, "–"),
        (-10.0, 1, "-10.0"),
    ],
)
def test_zero_has_no_sign(value: float, places: int, text: str) -> None:
    assert rounded(value, places) == text


@pytest.mark.parametrize(
    ("values", "places", "texts"),
    [
        ([0.98, -0.003], 2, ["0.98", "0.00"]),
        ([3e-5, -0.0004, 0.0, math.nan], 3, ["3.0e-05", "-0.0004", "0.000", "–"]),
        ([0.0, 0.0], 3, ["0.000", "0.000"]),
        ([0.0005], 3, ["0.001"]),
        ([0.028], 1, ["0.028"]),
        ([], 3, []),
    ],
)
def test_a_column_shows_something_of_what_is_not_zero(values: list[float], places: int, texts: list[str]) -> None:
    assert column(values, places) == texts


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (840, "840 B"), (999, "999 B"), (1000, "1.0 kB"), (1_549_000, "1.5 MB"), (12_400_000_000, "12 GB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_the_largest_size_has_the_largest_unit() -> None:
    assert size(5 * 10**16) == "50000 TB"
    assert size(999_600) == "1.0 MB", "rounding leads to the next unit"
