"""Ctrl-C, SIGTERM and SIGHUP: a run in training ends its iteration and writes a checkpoint first."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}


class Interrupted(KeyboardInterrupt):
    """A signal's request to stop a run; `code` is the exit code for that signal."""

    def __init__(self, number: int) -> None:
        self.code = 128 + number
        super().__init__(SAID[signal.Signals(number)])


class Interrupts:
    """A context that turns SIGINT, SIGTERM and SIGHUP into Interrupted: at once or, while `deferred`, in
    `raise_pending`.

    It leaves signals unchanged outside the main thread, and SIGHUP if it is ignored, as under nohup.
    """

    def __init__(self) -> None:
        self.pending: int | None = None
        self.pending_since = 0.0
        self._deferring = self._holding = False
        self._held: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            kept = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()  # under nohup
            self._before = {number: signal.signal(number, self._handle) for number in SIGNALS if number not in kept}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Keep the first signal inside for `raise_pending`; raise at the second one, unless both are SIGHUP: the shell
        and the system each send one at a terminal's end."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Raise no signal inside, but right afterwards, unless an error comes out."""
        self._holding, self._held = True, None
        try:
            yield
        finally:
            self._holding = False
        if self._held is not None:
            raise Interrupted(self._held)

    def raise_pending(self) -> None:
        """Raise Interrupted if a signal came."""
        if self.pending is not None:
            raise Interrupted(self.pending)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == self.pending == signal.SIGHUP:
            return
        if not self._deferring or self.pending is not None:
            if not self._holding:
                raise Interrupted(number)
            self._held = number
            return
        self.pending, self.pending_since = number, time.monotonic()
        # Not print: the signal may have come while stderr's buffer was written, which refuses to be entered again.
        with contextlib.suppress(OSError):
            os.write(2, b"\nstopping at the end of this iteration; once more to stop at once\n")
