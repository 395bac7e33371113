"""What the tests of this plugin share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from torch import Tensor, nn

Seen = list[tuple[str, tuple[int, ...]]]


@pytest.fixture
def shapes_of() -> Callable[[nn.Module, Sequence[Tensor], tuple[type[nn.Module], ...]], Seen]:
    """The layers of some kinds that inputs pass through, in order, with the shape that leaves each (no batch axis)."""

    def run(module: nn.Module, inputs: Sequence[Tensor], kinds: tuple[type[nn.Module], ...]) -> Seen:
        seen: Seen = []
        for layer in module.modules():
            if isinstance(layer, kinds):
                layer.register_forward_hook(
                    lambda layer, _, output: seen.append((type(layer).__name__, tuple(output.shape[1:])))
                )
        module(*inputs)
        return seen

    return run
