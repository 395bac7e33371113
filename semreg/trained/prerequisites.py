"""What an evaluation knows before anything is trained: labels and counts that it can't do with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Check = TypeVar("Check", bound=Callable[..., None])


def before_training(*evaluations: Any) -> Callable[[Check], Check]:
    """A decorator of what evaluations check before training.

    The function is given the inputs of the evaluation and all its options, and raises ValueError for what labels and
    counts tell; a run then ends before it trains. It becomes the evaluation's attribute `before_training`.
    """

    def attached(check: Check) -> Check:
        for evaluation in evaluations:
            evaluation.before_training = check
        return check

    return attached
