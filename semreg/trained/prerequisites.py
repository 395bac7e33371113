"""Requirements of an evaluation that can be checked before training: labels and counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Check = TypeVar("Check", bound=Callable[..., None])


def before_training(*evaluations: Any) -> Callable[[Check], Check]:
    """Decorate the function that checks the requirements of evaluations before training.

    The function receives the inputs of the evaluation and all its options, and raises ValueError for labels and counts
    that don't fit; a run then stops before it trains. It becomes the evaluation's attribute `before_training`.
    """

    def attached(check: Check) -> Check:
        for evaluation in evaluations:
            evaluation.before_training = check
        return check

    return attached
