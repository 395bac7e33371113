"""How long steps take, and a remark where another process is at work on the same cores."""

from __future__ import annotations

import os
import statistics
from collections import deque
from collections.abc import Mapping

SLOWER = 3.0
"""Two threads of PyTorch's on two cores, one of which is busy elsewhere, take three times as long; one takes 1.7."""
FEWEST, MOST = 3, 20
"""Of how many records before the middle one tells how long a step takes."""


class Pace:
    """Compares the steps of each record with those of the records before, and remarks on it once.

    Args:
        threads: of each process; 1 where the steps are computed elsewhere, on a GPU.
        processes: of the run.
    """

    def __init__(self, threads: int, processes: int = 1) -> None:
        self.threads, self.processes = threads, processes
        self.before: deque[float] = deque(maxlen=MOST)
        self.told = False

    def begin(self) -> None:
        """Forget how long steps took: those of another phase are others."""
        self.before.clear()

    def remark(self, parts: Mapping[str, float]) -> str | None:
        """What to say, once, of the seconds of an iteration's parts, as a record has them; they are remembered."""
        now = sum(seconds for part, seconds in parts.items() if part != "hooks")
        before = statistics.median(self.before) if len(self.before) >= FEWEST else 0.0
        self.before.append(now)
        said = None
        if not self.told and before and now > SLOWER * before and hasattr(os, "getloadavg"):
            said = crowded(now / before, os.getloadavg()[0], os.cpu_count() or 1, self.threads, self.processes)
        self.told = self.told or said is not None
        return said


def crowded(times: float, load: float, cores: int, threads: int, processes: int = 1) -> str | None:
    """What to say of steps that take so many `times` as long as before; None where the cores bear the load.

    `load` is how many threads want a core, those of the run among them: `threads` of each of its `processes`.
    """
    if times < SLOWER or load <= cores:
        return None
    said = f"steps take {times:.1f} times as long as before, and the load ({load:.1f}) exceeds the {cores} cores: "
    said += "another process is at work here"
    if threads == 1:
        return said
    left = (cores - load) / processes + threads
    return f"{said}; a run with --threads {max(1, int(left))} loses less"
