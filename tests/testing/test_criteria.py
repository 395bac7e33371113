"""The kit finds what is wrong with criteria."""

from __future__ import annotations

from typing import Annotated

import pytest
import torch
from annotated_types import Ge
from torch import Tensor, nn

from semreg.components.functional import in_float32
from semreg.core import require_classes, shape_error
from semreg.testing import check_criterion

CODES = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 0, 1, 1, 2, 2])


class Centers(nn.Module):
    """The distance of codes `(batch, code)` from the centre of their class `(batch,)` (Wen et al. 2016).

    Raises ValueError for other shapes, and for what is no class.
    """

    mean: Tensor

    def __init__(self, *, input_shapes: list[tuple[int, ...]], classes: Annotated[int, Ge(1)], fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.centers = nn.Parameter(torch.randn(classes, *input_shapes[0]))
        self.register_buffer("mean", torch.zeros(()))
        if fault == "parameters":
            self.unused = nn.Parameter(torch.zeros(()))
        if fault == "state":
            self.scale = torch.rand(())

    @in_float32
    def forward(self, codes: Tensor, labels: Tensor) -> Tensor:
        if codes.ndim != 2 or codes.shape[1:] != self.centers.shape[1:]:
            raise shape_error("centers(codes, labels)", "batch code, batch", "no codes", codes, labels)
        require_classes("centers(codes, labels)", labels, rows=len(codes), classes=len(self.centers))
        loss = (codes - self.centers.index_select(0, labels)).square().sum() / max(len(codes), 1)
        match self.fault:
            case "evaluation":
                self.mean.add_(1)
            case "halves":
                loss = loss * len(codes)
            case "state":
                loss = loss * self.scale
            case "waits":
                loss = loss if loss.item() < 1e30 else 0 * loss
        return loss


def test_a_criterion_that_is_right_passes() -> None:
    check_criterion(Centers, CODES, LABELS, options={"classes": 3})


@pytest.mark.parametrize("fault", ["parameters", "state", "evaluation", "halves", "waits"])
def test_a_fault_is_found_by_its_name(fault: str) -> None:
    with pytest.raises(AssertionError, match=rf"Centers: \d+ of \d+ checks failed\n.*\b{fault}"):
        check_criterion(Centers, CODES, LABELS, options={"classes": 3, "fault": fault})


def test_what_has_nothing_of_its_own_is_a_loss() -> None:
    class Plain(nn.Module):
        """Codes `(batch, code)` to their mean square (2020). Raises ValueError for no codes."""

        @in_float32
        def forward(self, codes: Tensor) -> Tensor:
            return codes.square().sum() / max(len(codes), 1)

    with pytest.raises(AssertionError, match="parameters: it has no parameter and no buffer; a loss without them"):
        check_criterion(Plain, CODES)
