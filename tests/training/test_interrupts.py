"""Signals, while a run's process may be in the middle of anything."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from semreg.training.interrupts import Interrupted, Interrupts


class Entered:
    """A stderr in the middle of a write, which a handler of the same thread must not enter again."""

    def write(self, text: str) -> int:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stderr>'>")


def test_a_signal_is_told_even_while_stderr_is_written(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with Interrupts() as interrupts, interrupts.deferred():
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", Entered())
            os.kill(os.getpid(), signal.SIGTERM)
        assert "once more to stop at once" in capfd.readouterr().err
        with pytest.raises(Interrupted, match="terminated"):
            interrupts.raise_pending()
