"""The kit finds what is wrong with data sets and samplers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from semreg.data.datasets.digits import Digits
from semreg.testing import (
    check_dataset,
    check_sampler,
)


class Faulty(Digits):
    """Digits `(1, size, size)` with a fault (2020)."""

    made = 0

    def __init__(self, *, fault: str = "") -> None:
        super().__init__(size=8)
        self.fault = fault
        Faulty.made += 1

    def specification(self) -> Any:
        specification = super().specification()
        if self.fault == "specification":
            specification[f"field_{Faulty.made}"] = specification["digit"]
        return specification

    def source(self) -> Any:
        source = super().source()
        match self.fault:
            case "labels":
                source.labels["digit"] = np.random.permutation(source.labels["digit"])
            case "images":
                source.images.size = (9, 9)  # type: ignore[union-attr]
            case "identity":
                source.identity["made"] = Faulty.made
        return source


@pytest.mark.parametrize("fault", ["", "specification", "labels", "images", "identity"])
def test_each_fault_of_a_data_set_is_found(fault: str) -> None:
    if not fault:
        check_dataset(Faulty)
        return
    with pytest.raises(AssertionError) as raised:
        check_dataset(Faulty, options={"fault": fault})
    assert f"  {fault}: " in str(raised.value)


def drawn(*, count: int, batch_size: int, beyond: int = 0, generator: torch.Generator | None = None) -> Tensor:
    """int64 `(count // batch_size, batch_size)`."""
    batches = torch.randperm(count, generator=generator)[: count // batch_size * batch_size].view(-1, batch_size)
    return batches + beyond


def test_a_sampler_stays_inside() -> None:
    check_sampler(drawn, batch_size=3)
    with pytest.raises(AssertionError, match="batches: some indices are outside 0 to 19"):
        check_sampler(drawn, batch_size=3, options={"beyond": 1})
