"""Runs whose device is said to be a GPU with so much memory: their data lie there, or are read ahead by a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.data.gathering import Gather
from semreg.data.reading_ahead import ReadAhead
from semreg.training import placing
from semreg.training.phase import PhaseRunner
from tests.training.conftest import assert_same_bits, trained

pytestmark = pytest.mark.usefixtures("no_hooks")


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("reading ahead")]


@pytest.fixture
def with_free_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[str]]:
    """Say that so many bytes are free on the device; returns where each batch was gathered, as it is."""

    def with_free_memory(count: int) -> list[str]:
        monkeypatch.setattr(placing, "free_memory", lambda device: count)
        found: list[str] = []
        read = Gather.read

        def watched(self: Gather, *given: Any) -> None:
            found.append("elsewhere" if self._by_row else "placed")
            read(self, *given)

        monkeypatch.setattr(Gather, "read", watched)
        return found

    return with_free_memory


@pytest.mark.parametrize(("free", "told", "way"), [(2**30, "data on cpu: ", "placed"), (9, "stay in memory", "ahead")])
def test_the_bits_are_the_same_wherever_the_data_lie(
    free: int, told: str, way: str, everything: Path, tmp_path: Path, with_free_memory: Any, capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    plain = trained(everything, tmp_path / "plain")
    capsys.readouterr()
    gathered = with_free_memory(free)
    ahead = []
    call = ReadAhead.__call__

    def watched(self: ReadAhead, *given: Any) -> Any:
        ahead.append(len(readers()))
        return call(self, *given)

    monkeypatch.setattr(ReadAhead, "__call__", watched)
    assert_same_bits(plain, trained(everything, tmp_path / "other"))
    assert capsys.readouterr().err.count(told) == 1
    assert ("placed" in gathered) == (way == "placed")
    assert max(ahead, default=0) == (1 if way == "ahead" else 0)
    assert not readers()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_thread_ends_with_a_run_that_is_stopped(
    error: type[BaseException], everything: Path, tmp_path: Path, with_free_memory: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with_free_memory(9)
    alive = []
    iterate = PhaseRunner.iterate

    def stopped(self: PhaseRunner, iteration: int) -> None:
        iterate(self, iteration)
        alive.append(len(readers()))
        if iteration == 2:
            raise error("stop")

    monkeypatch.setattr(PhaseRunner, "iterate", stopped)
    with pytest.raises(error, match="stop"):
        trained(everything, tmp_path / "stopped")
    assert alive == [1, 1, 1]
    assert not readers()
