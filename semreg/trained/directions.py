"""Which way the figures of an evaluation are good, and their units, as its author says and reports and tables tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def better(
    *, higher: Sequence[str] = (), lower: Sequence[str] = (), units: Mapping[str, str] | None = None
) -> Callable[[Function], Function]:
    """A decorator of evaluations: which of their figures are better the higher, which the lower, and in what units.

    Figures are said by name, or by globs such as `accuracy*`, of which the first that fits counts; of others nothing is
    said. A unit is a word or two, such as "dB", "nats" or "share", which is from 0 to 1. They become the evaluation's
    attributes `better`, a direction for each glob, and `units`, a unit for each.
    """

    def attached(evaluation: Function) -> Function:
        evaluation.better = dict.fromkeys(higher, "higher") | dict.fromkeys(lower, "lower")  # type: ignore[attr-defined]
        evaluation.units = dict(units or {})  # type: ignore[attr-defined]
        return evaluation

    return attached
