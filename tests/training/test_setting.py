"""What the phases of a run share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.bench import Bench


@pytest.mark.parametrize(
    ("text", "precision", "half"),
    [
        ("", "fp32", False),
        ("", "bf16", False),
        ("", "fp16", True),
        ('[modules.decoder]\nprecision = "fp16"', "fp32", True),
    ],
)
def test_half_precision_is_of_the_run_or_of_a_module(
    toy: Callable[..., Path], text: str, precision: str, half: bool
) -> None:
    bench = Bench(toy(text), precision=precision)
    assert bench.setting.in_half_precision == half
    assert bench.setting.source == str(bench.plan.recipe.path)
