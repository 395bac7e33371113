"""Which way the figures of an evaluation are good, as its author says and the report tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def better(*, higher: Sequence[str] = (), lower: Sequence[str] = ()) -> Callable[[Function], Function]:
    """A decorator of evaluations: which of their figures are better the higher, and which the lower.

    Figures are said by name, or by globs such as `accuracy*`; of others nothing is said. It becomes the evaluation's
    attribute `better`, a direction for each glob.
    """

    def attached(evaluation: Function) -> Function:
        evaluation.better = dict.fromkeys(higher, "higher") | dict.fromkeys(lower, "lower")  # type: ignore[attr-defined]
        return evaluation

    return attached
