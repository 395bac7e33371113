"""Signals, while a run's process may be in the middle of anything."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from semreg.store.checkpoint import read_latest
from semreg.training.interrupts import Interrupted, Interrupts
from semreg.training.phase import PhaseRunner
from tests.training.conftest import assert_same_bits, state_of, trained

pytestmark = pytest.mark.usefixtures("no_hooks", "hung_up")


@pytest.fixture
def hung_up() -> Iterator[None]:
    """SIGHUP ends a process, as where the tests aren't started by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


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


@pytest.mark.parametrize(
    ("number", "stop"),
    [
        *((number, stop) for number in (signal.SIGINT, signal.SIGTERM) for stop in (1, 7, 15, 16, 18)),
        (signal.SIGHUP, 7),
    ],
)
def test_a_signal_ends_the_iteration_and_leaves_a_checkpoint(
    everything: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int, number: int
) -> None:
    whole = trained(everything, tmp_path / "whole")
    iterate, done = PhaseRunner.iterate, 0

    def signalled(self: PhaseRunner, iteration: int) -> None:
        nonlocal done
        if done == stop:
            os.kill(os.getpid(), number)
        done += 1
        iterate(self, iteration)

    with monkeypatch.context() as patch:
        patch.setattr(PhaseRunner, "iterate", signalled)
        with pytest.raises(Interrupted) as interrupted:
            trained(everything, tmp_path / "stopped")
    assert interrupted.value.code == 128 + number
    assert done == stop + 1
    [folder] = (tmp_path / "stopped").iterdir()
    assert str(folder) in str(interrupted.value)
    assert "the same command resumes" in str(interrupted.value)
    assert state_of(folder) == "stopped"
    state, _ = read_latest(folder / "checkpoints")
    assert state is not None
    assert (state["phase"], state["iteration"]) == {1: (0, 2), 7: (0, 8), 15: (1, 0), 16: (1, 1), 18: (1, 3)}[stop]
    resumed = trained(everything, tmp_path / "stopped")
    assert_same_bits(whole, resumed)


def test_a_second_signal_stops_at_once(
    everything: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def signalled(self: PhaseRunner, iteration: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise RuntimeError("not reached")

    monkeypatch.setattr(PhaseRunner, "iterate", signalled)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted):
        trained(everything, tmp_path / "stopped")
    assert "once more to stop at once" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


def test_two_hang_ups_are_one_and_each_signal_has_its_exit_code() -> None:
    with Interrupts() as interrupts, interrupts.deferred():
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(Interrupted, match="hung up") as interrupted:
            interrupts.raise_pending()
        assert interrupted.value.code == 129
        with pytest.raises(Interrupted, match="terminated"):
            os.kill(os.getpid(), signal.SIGTERM)


def test_what_is_held_raises_right_after() -> None:
    done = []

    def held(*signals: int) -> None:
        with interrupts.held():
            for number in signals:
                os.kill(os.getpid(), number)
            done.append(len(signals))

    with Interrupts() as interrupts, interrupts.deferred():
        with pytest.raises(Interrupted, match="terminated"):
            held(signal.SIGINT, signal.SIGTERM)
        held()
        with pytest.raises(Interrupted, match="terminated"):
            os.kill(os.getpid(), signal.SIGTERM)
    assert done == [2, 0]


def test_an_error_comes_out_of_what_is_held() -> None:
    def broken() -> None:
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            raise ValueError("of its own")

    with Interrupts() as interrupts, interrupts.deferred(), pytest.raises(ValueError, match="of its own"):
        broken()


def test_what_nohup_started_hears_no_hang_up() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts():
            os.kill(os.getpid(), signal.SIGHUP)
            with pytest.raises(Interrupted):
                os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
