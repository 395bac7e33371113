"""The time of steps, and a warning if another process uses the same cores."""

from __future__ import annotations

import math
import os
import statistics
from collections import deque
from collections.abc import Mapping

SLOWER = 3.0
"""The threshold: with one of two cores busy elsewhere, two threads of PyTorch's take three times as long, one 1.7."""
RECORDS = 5
"""The median of this many successive records measures a step."""


class Pace:
    """A comparison of the time of steps with the best in the same phase, which warns once.

    It doesn't compare with the latest records: the system's load is a mean over a minute, which may contain many.

    Args:
        threads: of each process; 1 if the steps are computed elsewhere, on a GPU.
        processes: of the run.
    """

    def __init__(self, threads: int, processes: int = 1) -> None:
        self.threads, self.processes = threads, processes
        self.told = False
        self.begin()

    def begin(self) -> None:
        """Forget the time of steps: it differs between phases."""
        self.latest: deque[float] = deque(maxlen=RECORDS)
        self.best = math.inf

    def remark(self, parts: Mapping[str, float]) -> str | None:
        """Record the seconds of an iteration's parts; return a warning about them, once."""
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
    """Return a warning about steps that take `times` as long as before; None if the cores bear the load.

    `load` is the number of threads that want a core, including the run's: `threads` of each of its `processes`.
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
