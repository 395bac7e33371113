"""The kit finds what is wrong with schedules."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from semreg.testing import check_schedule


def test_a_schedule_that_is_no_factor_is_told() -> None:
    def sinking(epoch: float, epochs: int) -> float:
        """Down and down."""
        return 1 - 2 * epoch / epochs

    with pytest.raises(AssertionError, match=r"sinking: 1 of 5 checks failed\n  values: at epoch 0.525 of 1 it is"):
        check_schedule(sinking)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e-9, None, "1"])
def test_a_value_that_no_rate_can_have_is_told_with_its_epoch(value: Any) -> None:
    def late(epoch: float, epochs: int) -> float:
        """Odd at the end of long phases."""
        return value if epoch == epochs == 50 else 1.0  # type: ignore[no-any-return]

    with pytest.raises(AssertionError, match=rf"\n  values: at epoch 50 of 50 it is {value!r}; a finite number"):
        check_schedule(late)


def test_a_schedule_of_chance_is_told() -> None:
    numbers = itertools.count()

    def counting(epoch: float, epochs: int, *, scale: float = 1.0) -> float:
        """Another each time."""
        return scale * next(numbers)

    with pytest.raises(AssertionError, match="1 of 5 checks failed\n  determinism: called twice, it differs"):
        check_schedule(counting, options={"scale": 0.5})
