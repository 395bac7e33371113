"""The kit finds what is wrong with networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from semreg.testing import (
    check_classifier,
    check_decoder,
    check_encoder,
)

IMAGES = torch.rand(4, 1, 4, 4, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Images `(batch, channels, height, width)` to codes `(batch, 2)` (2020)."""

    def __init__(self, *, input_shapes: list[tuple[int, ...]], fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.linear = nn.Linear(int(np.prod(input_shapes[0])), 2)
        if fault == "gradient":
            self.unused = nn.Parameter(torch.zeros(1))
        if fault == "state":
            self.scale = torch.rand(())

    def forward(self, images: Tensor) -> Tensor:
        codes: Tensor = self.linear(images.flatten(1))
        match self.fault:
            case "rows":
                codes = codes - codes.mean(0)
            case "dtype":
                codes = codes.float()
            case "device":
                codes = codes + torch.zeros(2, dtype=codes.dtype)
            case "determinism":
                codes = codes + torch.rand(())
            case "state":
                codes = codes * self.scale
            case "degenerate":
                codes = codes / images.flatten(1).std(1, keepdim=True)
            case "output":
                codes = codes.sum(0)
        return codes


def test_a_network_that_is_right_passes() -> None:
    check_encoder(Net, IMAGES)
    check_classifier(Net, IMAGES)
    with pytest.raises(AssertionError, match=r"4 rows give \(4, 2\); 4 axes and a row for each are expected"):
        check_decoder(Net, IMAGES)


@pytest.mark.parametrize(
    "fault", ["gradient", "rows", "dtype", "device", "determinism", "state", "degenerate", "output"]
)
def test_each_fault_of_a_network_is_found(fault: str) -> None:
    with pytest.raises(AssertionError) as raised:
        check_encoder(Net, IMAGES, options={"fault": fault})
    assert f"  {fault}: " in str(raised.value)
