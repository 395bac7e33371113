"""The interface between semreg and executors, which run the trials of a grid.

No class inherits from these protocols: matching methods suffice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

__all__ = ["Executor", "Job", "Needs", "room_on"]

CONTEXT = 600 * 2**20
"""Bytes that a process takes of a GPU before it has any tensor there."""


def room_on(total: int, share: float) -> int:
    """Return how many bytes of a GPU's `total` tensors can take in a process with a share of it. The contexts of the
    other processes and of the coordinator take the rest."""
    return max(0, int((total - CONTEXT) * share) - CONTEXT) if share < 1 else total


@dataclass(frozen=True)
class Needs:
    """The resources of a trial: threads of the CPU, and a share of one GPU, 0 if it runs on none.

    `environment` holds variables for its process; `log` is the file that collects its output.
    """

    threads: int
    gpu: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path = Path("trial.log")


class Job(Protocol):
    """A trial that an executor has accepted. Only the run's folder holds its outcome."""

    def state(self) -> Literal["waiting", "running", "ended"]:
        """Return the state of its process; `ended` means that the process no longer exists, however it ended."""
        ...

    def cancel(self) -> None:
        """Ask it to stop, by SIGTERM or an equal: it ends at its next checkpoint, and immediately if asked again.

        Returns before the job ends. A waiting job never starts, an ended one is left as it is.
        """
        ...


class Executor(Protocol):
    """A class that runs the trials of a grid."""

    def __init__(self, words: str = "", *, gpu: float | None = 0.0) -> None:
        """Take the words after the name in `--on NAME:WORDS`, and each trial's share of a GPU: 0 for the CPU, None if
        the user gives none. Raises ValueError for unsupported values."""

    slots: int
    """The largest number of trials at one time."""
    needs: Needs
    """The resources of each trial, unless the user states others."""

    def submit(self, arguments: Sequence[str], needs: Needs) -> Job:
        """Start `semreg ARGUMENTS` in the working folder, as a separate process that outlives this one.

        It receives only arguments and environment. An exception ends the grid at the first submission, and later if
        submissions fail for about a minute.
        """
        ...
