"""The kit finds what is wrong with evaluations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from semreg.core import Picture, Result
from semreg.testing import (
    FakeRun,
    check_evaluation,
)

CODES = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))


def measured(z: Any, *, fault: str = "") -> Result:
    """The mean of codes `(batch, code)` (2020)."""
    mean = z.read("test").mean()
    match fault:
        case "result":
            return Result(figures={"mean": mean})
        case "determinism":
            return Result(figures={"mean": float(mean + torch.rand(()))})
        case "stored":
            return Result(figures={"mean": float(mean)}, summary="\ud800")
    return Result(figures={"mean": float(mean)}, paper={"mean": 0.0})


def test_each_fault_of_an_evaluation_is_found() -> None:
    run = FakeRun(tensors={"z": {"test": CODES}}, functions={}, fields={})
    check_evaluation(measured, run.tensor("z"))
    for fault in ("result", "determinism", "stored"):
        with pytest.raises(AssertionError) as raised:
            check_evaluation(measured, run.tensor("z"), options={"fault": fault})
        assert f"  {fault}: " in str(raised.value)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"mean": 1.0}, "it gives a dict, not a Result"),
        (Result(), "the result shows nothing"),
        (Result(figures={"mean": 1.0}, paper={"maen": 1.0}), "the paper's maen is not a figure of the result"),
        (Result(figures={"mean": 1.0}, summary="one\ntwo"), "the summary has several lines"),
        (Result(figures={"mean": True}), "figure mean is a bool"),
        (Result(pictures=[Picture("cat", b"GIF89a")]), "picture 'cat' is not a PNG"),
    ],
    ids=["kind", "nothing", "paper", "summary", "figure", "picture"],
)
def test_a_result_that_cannot_be_shown_is_told(result: Any, told: str) -> None:
    def given(z: Any) -> Result:
        """Codes `(batch, code)` (2020)."""
        return result  # type: ignore[no-any-return]

    run = FakeRun(tensors={"z": {"test": CODES}}, functions={}, fields={})
    with pytest.raises(AssertionError, match=rf"\n  result: {told}"):
        check_evaluation(given, run.tensor("z"))


def test_a_module_that_an_evaluation_changes_is_told() -> None:
    def training(z: Any, module: nn.Module) -> Result:
        """Codes `(batch, code)` (2020)."""
        module.running_mean.add_(1)  # type: ignore[operator, union-attr]
        return Result(figures={"mean": 1.0})

    run = FakeRun(tensors={"z": {"test": CODES}}, functions={}, fields={})
    with pytest.raises(AssertionError, match="BatchNorm1d among the inputs was changed: running_mean"):
        check_evaluation(training, run.tensor("z"), nn.BatchNorm1d(3))
