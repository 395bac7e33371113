"""Numbers for readers: with their significant digits, and in a series with those that distinguish them."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_DIGITS = 16
"""More digits than a float has."""


def number(value: float, digits: int = 3) -> str:
    """Format with `digits` significant digits: 0.0139, 1.5, 2.3e-05, 12400; a dash if the value is not finite."""
    if not math.isfinite(value):
        return "–"
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        places = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
        text = f"{value:.{places}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.{digits - 2}e}"


def distinct(values: Sequence[float]) -> list[str]:
    """Format the numbers with three significant digits, or as many more as all different ones need to differ."""
    for digits in range(3, MOST_DIGITS + 1):
        texts = [number(value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            return texts
    return [repr(value) for value in values]


def rounded(value: float, places: int) -> str:
    """Format with `places` decimals; a dash if the value is not finite, and no sign before zero."""
    if not math.isfinite(value):
        return "–"
    text = f"{value:.{places}f}"
    return text if any(digit in text for digit in "123456789") else text.removeprefix("-")


def column(values: Sequence[float], places: int) -> list[str]:
    """Format each with `places` decimals, or all with significant digits if that would show only zeros."""
    seen = any(abs(value) >= 0.5 * 10.0**-places for value in values if math.isfinite(value))
    return [rounded(value, places) if seen or not value else number(value) for value in values]


def size(count: int) -> str:
    """Format bytes as `840 B`, `1.5 MB` or `12 GB`, in powers of 1,000."""
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / 1000, units[1:]
    places = 1 if count >= 1000 and value < 9.95 else 0
    return f"{value:.{places}f} {units[0]}"
