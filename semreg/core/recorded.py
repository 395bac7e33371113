"""A run as its folder holds it, for those who show it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from semreg.core.results import Result

__all__ = ["Point", "RecordedRun"]


class Point(NamedTuple):
    """A value of a run's log: `series` is `training/PHASE/LOSS` or `validation/PHASE/LOSS`, `step` the phase's
    iteration, from 1, `time` the start of the run, in seconds since 1970, and the seconds of training since then."""

    series: str
    step: int
    value: float
    time: float


@dataclass(frozen=True)
class RecordedRun:
    """What a tracker is given of a run. `semreg.core.ObservedRun.recorded` reads it while the run trains.

    `hash` (hexadecimal digits) says what is trained: the same run has the same one, whatever its folder is called.
    `state` is `running`, `finished`, `stopped` or `failed`; `started` and `updated` are seconds since 1970.
    `parameters` are the recipe's values by dotted keys, and the seed; `about` says on what data, by what code and under
    what versions it was trained. `points` are the losses, in the order of the log, no two of one series and step.
    `results` are those of its evaluations, by name, and `files` the recipe and the reports, by their paths in `folder`.
    """

    folder: Path
    name: str
    hash: str
    state: str = "running"
    started: float = 0.0
    updated: float = 0.0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    points: Sequence[Point] = ()
    results: Mapping[str, Result] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def figures(self) -> dict[str, float]:
        """The figures of all evaluations, by `evaluation/NAME/FIGURE`."""
        return {
            f"evaluation/{name}/{figure}": value
            for name, result in self.results.items()
            for figure, value in result.figures.items()
        }
