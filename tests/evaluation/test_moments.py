"""Moments of codes that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semreg.core import Result
from semreg.evaluation.moments import code_moments
from semreg.testing import FakeRun


def evaluated(codes: torch.Tensor, drawn: torch.Tensor | None = None) -> Result:
    drawn_codes = None if drawn is None else {"z": {"test": drawn}}
    return code_moments(FakeRun(tensors={"z": {"test": codes}}, functions={}, fields={}, drawn=drawn_codes).tensor("z"))


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31), rows=st.integers(2, 40), size=st.integers(1, 5), scale=st.floats(1e-3, 1e3))
def test_they_are_what_a_slow_reference_finds(seed: int, rows: int, size: int, scale: float) -> None:
    codes = scale * (1 + torch.randn(rows, size, generator=torch.Generator().manual_seed(seed)))
    columns = codes.double().numpy().T
    deviations = [np.std(column, ddof=1) for column in columns]
    kurtosis = [np.mean((c - c.mean()) ** 4) / np.mean((c - c.mean()) ** 2) ** 2 for c in columns]
    expected = {
        "mean": np.sqrt(np.mean([column.mean() ** 2 for column in columns])),
        "deviation": np.mean(deviations),
        "deviation_least": min(deviations),
        "deviation_greatest": max(deviations),
        "kurtosis": np.mean(kurtosis),
    }
    if size > 1:
        pairs = [np.cov(columns[a], columns[b])[0, 1] ** 2 for a in range(size) for b in range(size) if a != b]
        expected["covariance"] = np.sqrt(np.mean(pairs))
    assert evaluated(codes).figures == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_of_normal_codes_they_are_those_of_the_normal() -> None:
    codes = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0))
    result = evaluated(torch.zeros_like(codes), drawn=codes)  # as in training
    normal = {"mean": 0, "deviation": 1, "deviation_least": 1, "deviation_greatest": 1, "covariance": 0, "kurtosis": 3}
    assert result.figures == pytest.approx(normal, abs=0.05)
    assert [row[2] for row in result.tables[0].rows] == list(normal.values())


def test_a_dimension_that_does_not_vary_has_no_kurtosis() -> None:
    codes = torch.tensor([[1.0, 5.0], [-1.0, 5.0]])
    figures = evaluated(codes).figures
    assert figures["kurtosis"] == pytest.approx(1)
    assert figures["deviation_least"] == 0


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.ones(1, 3), "takes two test images at least"),
        (torch.ones(4, 3), "'z' is the same for all test images"),
        (torch.full((4, 3), torch.nan), "not finite for 4 of the 4 test images"),
    ],
    ids=["one", "constant", "NaN"],
)
def test_what_cannot_be_is_told(codes: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluated(codes)
