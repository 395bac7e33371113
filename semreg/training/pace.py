"""How long steps take, and a remark where another process is at work on the same cores."""

from __future__ import annotations

import math
import os
import statistics
from collections import deque
from collections.abc import Mapping

SLOWER = 3.0
"""Two threads of PyTorch's on two cores, one of which is busy elsewhere, take three times as long; one takes 1.7."""
RECORDS = 5
"""The middle one of so many, one after the other, tells how long a step takes."""


class Pace:
    """Compares how long steps take with how long they took at their best in the same phase, and remarks on it once.

    Not with the records just before: the load that a system tells is a mean over a minute, in which there may be many.

    Args:
        threads: of each process; 1 where the steps are computed elsewhere, on a GPU.
        processes: of the run.
    """

    def __init__(self, threads: int, processes: int = 1) -> None:
        self.threads, self.processes = threads, processes
        self.told = False
        self.begin()

    def begin(self) -> None:
        """Forget how long steps took: those of another phase are others."""
        self.latest: deque[float] = deque(maxlen=RECORDS)
        self.best = math.inf

    def remark(self, parts: Mapping[str, float]) -> str | None:
        """What to say, once, of the seconds of an iteration's parts, as a record has them; they are remembered."""
        seconds = sum(seconds for part, seconds in parts.items() if part != "hooks")
        if self.told or not seconds:  # as of a record in which no iteration was measured
            return None
        self.latest.append(seconds)
        if len(self.latest) < RECORDS:
            return None
        now = statistics.median(self.latest)
        self.best = min(self.best, now)
        if now < SLOWER * self.best or not hasattr(os, "getloadavg"):
            return None
        load, cores = os.getloadavg()[0], os.cpu_count() or 1
        said = crowded(now / self.best, load, cores, self.threads, self.processes)
        self.told = said is not None
        return said


def crowded(times: float, load: float, cores: int, threads: int, processes: int = 1) -> str | None:
    """What to say of steps that take so many `times` as long as before; None where the cores bear the load.

    `load` is how many threads want a core, those of the run among them: `threads` of each of its `processes`.
    """
    if times < SLOWER or load <= cores:
        return None
    here = "core" if cores == 1 else f"{cores} cores"
    said = f"steps take {times:.1f} times as long as before, and the load ({load:.1f}) exceeds the {here}: "
    said += "another process uses this machine"
    if threads == 1:
        return said
    left = (cores - load) / processes + threads
    return f"{said}; another run with --threads {max(1, int(left))} would lose less"
