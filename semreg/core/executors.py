"""What semreg and executors expect of each other: where the trials of a grid run.

Nothing inherits from these: shape is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

__all__ = ["Executor", "Job", "Needs", "room_on"]

CONTEXT = 600 * 2**20
"""Bytes of a GPU that a process takes, before any tensor lies there."""


def room_on(total: int, share: float) -> int:
    """The bytes that tensors can take of a GPU of `total` bytes, by a process that has a share of it, beside others and
    their coordinator, who has looked at it."""
    return max(0, int((total - CONTEXT) * share) - CONTEXT) if share < 1 else total


@dataclass(frozen=True)
class Needs:
    """What a trial computes with: threads of the CPU, and a share of one GPU, 0 where it computes on none.

    `environment` are variables that its process must have, and `log` is the file that what it says is added to.
    """

    threads: int
    gpu: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path = Path("trial.log")


class Job(Protocol):
    """A trial that was handed to an executor. What came of it is told by its run's folder alone."""

    def state(self) -> Literal["waiting", "running", "ended"]:
        """Where its process stands. `ended` says that there is none any more, however it ended."""
        ...

    def cancel(self) -> None:
        """Ask it to stop, by SIGTERM or what becomes it: it ends at its next checkpoint, and asked again at once.

        Returns before it has; what waits never begins, and what has ended is left alone.
        """
        ...


class Executor(Protocol):
    """Where the trials of a grid run: a class."""

    def __init__(self, words: str = "", *, gpu: float | None = 0.0) -> None:
        """With what stands behind its name in `--on NAME:WORDS`, and the share of a GPU that each trial shall have: 0
        on a CPU, None where nobody says. Raises ValueError for what means nothing to it."""

    slots: int
    """How many trials it has at once, at most."""
    needs: Needs
    """What each of them gets, where the user doesn't say."""

    def submit(self, arguments: Sequence[str], needs: Needs) -> Job:
        """Begin `semreg ARGUMENTS` in a process of its own, in the working folder, which outlives this one.

        Nothing but arguments and environment reaches it. What it raises ends the grid if it is the first that is
        submitted, and later if it does so for about a minute.
        """
        ...
