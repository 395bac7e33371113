"""Durations are short and true."""

from __future__ import annotations

import pytest

from semreg.report.formatting import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (3e-9, "0.001s"), (0.0312, "0.03s"), (0.94, "0.9s"), (0.96, "1s"), (7.6, "8s"), (59.9, "1m00s"),
     (100, "1m40s"), (7500, "2h05m"), (86400, "1d00h"), (270_000, "3d03h")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
