"""Where the time of an iteration goes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import torch

PARTS = ("data", "forward", "backward", "exchange", "optimizer", "captured", "hooks", "other")
"""What `seconds_per_iteration` in a run's metrics tells apart; `exchange` is between several processes, and
`captured` the forward and backward passes and the update of a step that is one CUDA graph."""
MEASURED_ON_GPU = 16
"""On a GPU, which works on while Python goes ahead, one iteration in so many is waited for at each lap and measured."""


class Clock:
    """Adds up the seconds of each part of the iterations that it measures: all of them on a CPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._every = MEASURED_ON_GPU if device.type == "cuda" else 1
        self._measuring = False
        self._last = 0.0
        self._seconds = dict.fromkeys(PARTS, 0.0)
        self._iterations = 0

    def start(self, iteration: int) -> None:
        """Iteration number `iteration` begins."""
        self._measuring = iteration % self._every == 0
        if self._measuring:
            self._iterations += 1
            self._last = self._now()

    def lap(self, part: str) -> None:
        """What happened since the last lap belongs to `part`."""
        if self._measuring:
            now = self._now()
            self._seconds[part] += now - self._last
            self._last = now

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is measured inside, nor is a GPU waited for."""
        measuring, self._measuring = self._measuring, False
        try:
            yield
        finally:
            self._measuring = measuring

    def means(self) -> dict[str, float]:
        """Seconds per iteration of each part since this was last asked for; empty if none was measured."""
        if not self._iterations:
            return {}
        means = {part: round(seconds / self._iterations, 7) for part, seconds in self._seconds.items() if seconds}
        self._seconds, self._iterations = dict.fromkeys(PARTS, 0.0), 0
        return means

    def _now(self) -> float:
        if self._every > 1:
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
