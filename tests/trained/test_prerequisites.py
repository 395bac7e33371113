"""What evaluations check before training is found on them."""

from __future__ import annotations

from typing import Any

from semreg.trained import before_training


def test_a_check_is_that_of_each_evaluation_and_stays_a_function() -> None:
    def one(code: Any) -> None: ...

    def other(code: Any) -> None: ...

    @before_training(one, other)
    def check(code: Any) -> None: ...

    assert [getattr(evaluation, "before_training", None) for evaluation in (one, other)] == [check, check]
