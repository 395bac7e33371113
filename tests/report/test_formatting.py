"""Numbers and durations are short and true."""

from __future__ import annotations

import math

import pytest

from semreg.report.formatting import duration, number


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0139, "0.0139"), (1.5, "1.5"), (0.98765, "0.988"), (12400, "12400"), (-0.02, "-0.02"),
     (2.3e-5, "2.3e-05"), (3e7, "3.0e+07"), (math.nan, "–"), (math.inf, "–")],
)  # fmt: skip
def test_numbers_show_the_digits_that_matter(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.6, "8s"), (59.9, "1m00s"), (100, "1m40s"), (7500, "2h05m"), (86400, "1d00h"), (270_000, "3d03h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
