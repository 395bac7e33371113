"""The time of an iteration, by its parts."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import torch

PARTS = ("data", "forward", "backward", "exchange", "optimizer", "captured", "hooks", "other")
"""The parts of `seconds_per_iteration` in a run's metrics; `exchange` is between several processes, and `captured` is
the forward and backward passes and the update of a step that is one CUDA graph."""
MEASURED_ON_GPU = 16
"""On a GPU, which runs while Python goes ahead, the clock waits at each lap of one iteration out of this many."""


class Clock:
    """The sum of the seconds of each part of the measured iterations: all of them on a CPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._every = MEASURED_ON_GPU if device.type == "cuda" else 1
        self._measuring = False
        self._last = 0.0
        self._seconds = dict.fromkeys(PARTS, 0.0)
        self._iterations = 0

    def start(self, iteration: int) -> None:
        """Start iteration number `iteration`."""
        self._measuring = iteration % self._every == 0
        if self._measuring:
            self._iterations += 1
            self._last = self._now()

    def lap(self, part: str) -> None:
        """Assign the time since the last lap to `part`."""
        if self._measuring:
            now = self._now()
            self._seconds[part] += now - self._last
            self._last = now

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Measure nothing inside, and don't wait for a GPU."""
        measuring, self._measuring = self._measuring, False
        try:
            yield
        finally:
            self._measuring = measuring

    def means(self) -> dict[str, float]:
        """Return the seconds per iteration of each part since the last call; empty if none was measured."""
        if not self._iterations:
            return {}
        means = {part: round(seconds / self._iterations, 7) for part, seconds in self._seconds.items() if seconds}
        self._seconds, self._iterations = dict.fromkeys(PARTS, 0.0), 0
        return means

    def _now(self) -> float:
        if self._every > 1:
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
