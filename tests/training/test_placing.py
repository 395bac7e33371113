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
def with_free_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], dict[str, set[int]]]:
    """Say that so many bytes are free on the device; returns the addresses from which fields that lie there are read,
    as it goes on."""
    read = Gather.read

    def with_free_memory(count: int) -> dict[str, set[int]]:
        monkeypatch.setattr(placing, "free_memory", lambda device: count)
        found: dict[str, set[int]] = {}

        def watched(self: Gather, *given: Any) -> None:
            for name in self._by_position.keys() & self._cached.fields.keys():
                found.setdefault(name, set()).add(self._by_position[name].data_ptr())
            read(self, *given)

        monkeypatch.setattr(Gather, "read", watched)
        return found

    return with_free_memory


def test_the_bits_are_the_same_wherever_the_data_lie(
    everything: Path, tmp_path: Path, with_free_memory: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = ReadAhead.__call__
    threads: list[int] = []

    def watched(self: ReadAhead, *given: Any) -> Any:
        threads.append(len(readers()))
        return call(self, *given)

    monkeypatch.setattr(ReadAhead, "__call__", watched)
    plain = trained(everything, tmp_path / "plain")
    for free, told in ((2**30, "data on cpu: "), (9, "data stay in memory")):
        addresses = with_free_memory(free)
        capsys.readouterr()
        other = trained(everything, tmp_path / str(free))
        assert_same_bits(plain, other)
        assert capsys.readouterr().err.count(told) == 1
        assert {name: len(found) for name, found in addresses.items()} == ({"image": 1, "kind": 1} if free > 9 else {})
        assert max(threads, default=0) == (free == 9), "a thread reads what does not fit"
        assert not readers()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_thread_ends_with_a_run_that_is_stopped(
    error: type[BaseException], toy: Any, tmp_path: Path, with_free_memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        trained(toy(), tmp_path / "stopped")
    assert alive == [1, 1, 1]
    assert not readers()
