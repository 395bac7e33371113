"""Whether higher or lower figures of an evaluation are better, and their units, as its author states for reports and
tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def better(
    *, higher: Sequence[str] = (), lower: Sequence[str] = (), units: Mapping[str, str] | None = None
) -> Callable[[Function], Function]:
    """Decorate an evaluation: state which of its figures are better if higher, which if lower, and their units.

    Figures are given by name, or by globs such as `accuracy*`; the first that fits counts, and other figures have no
    direction. A unit is a word or two, such as "dB", "nats" or "share" (from 0 to 1). The evaluation gets the
    attributes `better`, a direction for each glob, and `units`, a unit for each.
    """

    def attached(evaluation: Function) -> Function:
        evaluation.better = dict.fromkeys(higher, "higher") | dict.fromkeys(lower, "lower")  # type: ignore[attr-defined]
        evaluation.units = dict(units or {})  # type: ignore[attr-defined]
        return evaluation

    return attached
