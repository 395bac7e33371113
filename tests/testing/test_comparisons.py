"""The kit finds what is wrong with comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from semreg.core import Handle, Result
from semreg.testing import FakeRun, check_comparison

CODES = [
    FakeRun(tensors={"z": {"test": torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))}}, functions={},
            fields={}).tensor("z")
    for seed in range(3)
]  # fmt: skip


def apart(*codes: Handle, names: Sequence[str], fault: str = "") -> Result:
    """How far the mean codes `(batch, code)` of two runs are apart (2020)."""
    means = torch.stack([code.read("test").mean() for code in codes])
    if len(names) != len(codes) or (fault == "two runs" and len(codes) < 3):
        raise ValueError(f"{len(names)} names, {len(codes)} runs")
    if fault == "determinism":
        means = means + torch.rand(())
    return Result(figures={} if fault == "result" else {"apart": float(means.max() - means.min() + means[0])})


def test_each_fault_of_a_comparison_is_found() -> None:
    check_comparison(apart, *CODES)
    for fault in ("result", "determinism", "two runs"):
        with pytest.raises(AssertionError, match=rf"\n  {fault}") as raised:
            check_comparison(apart, *CODES, options={"fault": fault})
        assert ("two runs" in str(raised.value)) == (fault != "determinism")


def test_what_takes_no_more_than_two_runs_is_told() -> None:
    def pair(a: Any, b: Any) -> Result:
        """Codes `(batch, code)` (2020)."""
        return Result(figures={"apart": 1.0})

    with pytest.raises(AssertionError, match="takes \\(a, b\\); 3 given"):
        check_comparison(pair, *CODES)


def test_an_example_of_two_runs_is_too_small() -> None:
    with pytest.raises(AssertionError, match="2 runs are given; the example needs three or more"):
        check_comparison(apart, *CODES[:2])
