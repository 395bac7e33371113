"""Guesses at mixes whose answers are known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_baselines.mixtures import critic_on_mixtures
from torch import Tensor

from semreg.core import Result
from semreg.testing import FakeRun


def evaluated(guess: Any, codes: Tensor, seed: int = 0, **options: Any) -> Result:
    run = FakeRun(tensors={"z": {"test": codes}}, functions={"guess": guess}, fields={})
    generator = torch.Generator().manual_seed(seed)
    return critic_on_mixtures(run.tensor("z"), run.tensor("guess"), generator=generator, **options)


def corners(rows: int) -> Tensor:
    """Codes of which a mix of any two tells how much of which is in it."""
    return torch.eye(rows)


def all_knowing(z: Tensor) -> Tensor:
    """How much of the second code is in a mix of two corners."""
    return z.sort(1, descending=True).values[:, 1:2]


@given(seed=st.integers(0, 2**31), rows=st.integers(3, 300), most=st.floats(0.05, 0.5))
def test_who_knows_explains_all_and_who_does_not_nothing(seed: int, rows: int, most: float) -> None:
    knowing = evaluated(all_knowing, corners(rows), seed, most=most).figures
    assert knowing["explained"] == pytest.approx(1, abs=1e-5)
    assert knowing["unmixed"] == pytest.approx(0, abs=1e-6)
    blind = evaluated(lambda z: torch.full((len(z), 1), most / 2), corners(rows), seed, most=most).figures
    assert blind["explained"] < 1e-6
    assert blind["constant"] == knowing["constant"] <= most**2 / 4 + 1e-9


def test_the_constant_s_error_is_the_variance_of_the_weight() -> None:
    result = evaluated(lambda z: torch.zeros(len(z), 1), torch.randn(5000, 2))
    assert result.figures["constant"] == pytest.approx(0.5**2 / 12, rel=0.05)
    assert result.figures["mean_squared_error"] == pytest.approx(0.5**2 / 3, rel=0.05)
    assert result.summary.startswith("the critic explains -")


def test_the_same_generator_gives_the_same_result_and_another_others() -> None:
    codes = torch.randn(30, 2, generator=torch.Generator().manual_seed(0))

    def guess(z: Tensor) -> Tensor:
        return z[:, :1]

    assert evaluated(guess, codes) == evaluated(guess, codes) != evaluated(guess, codes, seed=1)


@pytest.mark.parametrize(
    ("rows", "width", "options", "message"),
    [
        (1, 1, {}, "a mix is of two test images"),
        (4, 1, {"most": 0.0}, "nothing is mixed"),
        (4, 2, {}, r"'guess' must be a guess \(batch, 1\); one of it has shape \(2,\)"),
    ],
    ids=["one image", "no weight", "shape"],
)
def test_what_cannot_be_is_told(rows: int, width: int, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluated(lambda z: torch.zeros(len(z), width), torch.randn(rows, 3), **options)
