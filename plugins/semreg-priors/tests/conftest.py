"""What tests of several priors share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
import torch

Module = TypeVar("Module", bound=torch.nn.Module)


@pytest.fixture(scope="session")
def moved() -> Callable[[Module, int], Module]:
    """Moves a prior's parameters away from their start, in float64."""

    def move(prior: Module, seed: int) -> Module:
        generator = torch.Generator().manual_seed(seed)
        prior.double()
        with torch.no_grad():
            for parameter in prior.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        return prior

    return move
