from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from semreg.core import UserError
from semreg.data import reading_ahead
from semreg.data.gathering import Gather
from semreg.data.reading_ahead import ReadAhead
from tests.data.test_batches import made

ORDER = torch.arange(40).view(10, 4)


class Watched(Gather):
    """Notes which batches are read, by whom, and fails at some."""

    def __init__(self, failing: Mapping[int, Exception] | None = None) -> None:
        super().__init__(made(60), torch.arange(60))
        self.failing = dict(failing or {})
        self.by: list[tuple[int, bool]] = []
        self.done: list[int] = []
        self.thread_may_read = threading.Event()
        self.thread_may_read.set()

    def read(self, positions: Tensor, into: Mapping[str, Tensor]) -> None:
        index = int(positions[0]) // 4
        by_caller = threading.current_thread() is threading.main_thread()
        self.by.append((index, by_caller))
        if not by_caller:
            self.thread_may_read.wait(10)
        if index in self.failing:
            raise self.failing.pop(index)
        super().read(positions, into)
        self.done.append(index)


def numbers(batch: Mapping[str, Tensor]) -> list[int]:
    return [int(value) for value in batch["index"].flatten()]


def test_the_next_batch_is_read_by_the_thread_while_this_one_is_used() -> None:
    gather = Watched()
    with ThreadPoolExecutor(1) as reader:
        batches = ReadAhead(gather, 4, reader)
        for index in range(10):
            assert numbers(batches(ORDER, index)) == ORDER[index].tolist()
    assert gather.by == [(0, True), *((index, False) for index in range(1, 10))]


def test_several_batches_are_read_at_a_time() -> None:
    gather = Watched()
    with ThreadPoolExecutor(3) as reader:
        batches = ReadAhead(gather, 4, reader, ahead=3)
        batches(ORDER, 0)
        deadline = time.monotonic() + 10
        while len(gather.done) < 4 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert sorted(gather.done) == [0, 1, 2, 3]
    with ThreadPoolExecutor(3) as reader:
        batches = ReadAhead(gather, 4, reader, ahead=3)
        assert [numbers(batches(ORDER, index)) for index in range(10)] == ORDER.tolist()


def test_a_batch_is_not_read_into_while_it_is_used() -> None:
    gather = Watched()
    with ThreadPoolExecutor(1) as reader:
        batches = ReadAhead(gather, 4, reader)
        for index in range(9):
            batch = batches(ORDER, index)
            reader.submit(int).result()  # by now the next one is read
            assert numbers(batch) == ORDER[index].tolist()


def test_the_caller_does_not_wait_for_the_batch_after() -> None:
    gather = Watched()
    with ThreadPoolExecutor(1) as reader:
        batches = ReadAhead(gather, 4, reader)
        batches(ORDER, 0)
        reader.submit(int).result()
        gather.thread_may_read.clear()
        assert numbers(batches(ORDER, 1)) == [4, 5, 6, 7]
        gather.thread_may_read.set()
        assert numbers(batches(ORDER, 2)) == [8, 9, 10, 11]


def test_what_the_thread_still_reads_is_waited_for_before_another_batch_takes_its_memory() -> None:
    gather = Watched()
    with ThreadPoolExecutor(1) as reader:
        batches = ReadAhead(gather, 4, reader)
        gather.thread_may_read.clear()
        batches(ORDER, 0)
        threading.Timer(0.05, gather.thread_may_read.set).start()
        assert numbers(batches(ORDER, 3)) == [12, 13, 14, 15]
        assert gather.done[:3] == [0, 1, 3]


def test_a_batch_that_is_asked_for_again_is_not_read_again() -> None:
    gather = Watched()
    with ThreadPoolExecutor(1) as reader:
        batches = ReadAhead(gather, 4, reader)
        assert [numbers(batches(ORDER, 3)) for _ in range(3)] == [[12, 13, 14, 15]] * 3
    assert gather.by == [(3, True), (4, False)]


def test_an_equal_place_in_another_order_is_another_batch() -> None:
    with ThreadPoolExecutor(1) as reader:
        batches = ReadAhead(Watched(), 4, reader)
        batches(ORDER, 0)
        assert numbers(batches(ORDER + 4, 1)) == [8, 9, 10, 11]


@pytest.mark.parametrize(
    "error",
    [UserError("data", "image 7 can't be read"), OSError("gone"), MemoryError()],
    ids=["UserError", "OSError", "MemoryError"],
)
def test_what_the_thread_raises_is_raised_for_its_batch_and_no_other(error: Exception) -> None:
    with ThreadPoolExecutor(1) as reader:
        batches = ReadAhead(Watched({1: error, 5: OSError("of a batch that nobody asks for")}), 4, reader)
        assert numbers(batches(ORDER, 0)) == [0, 1, 2, 3]
        with pytest.raises(type(error)) as raised:
            batches(ORDER, 1)
        assert raised.value is error
        assert numbers(batches(ORDER, 1)) == [4, 5, 6, 7], "read anew"
        for index in (4, 7, 8):
            assert numbers(batches(ORDER, index)) == ORDER[index].tolist()


def test_without_a_reader_nothing_is_read_ahead() -> None:
    gather = Watched()
    batches = ReadAhead(gather, 4)
    assert [numbers(batches(ORDER, index)) for index in (0, 1, 5)] == [[0, 1, 2, 3], [4, 5, 6, 7], [20, 21, 22, 23]]
    assert gather.by == [(0, True), (1, True), (5, True)]


# --- what a GPU would do, which the CPU does at once ---


class Stream:
    """Notes the events that it waits for."""

    def __init__(self) -> None:
        self.waits: list[Event] = []

    def wait_event(self, event: Event) -> None:
        self.waits.append(event)


class Event:
    """Not reached until somebody waits for it."""

    def __init__(self) -> None:
        self.stream: Stream | None = None
        self.reached = True

    def record(self, stream: Stream) -> None:
        self.stream, self.reached = stream, False

    def synchronize(self) -> None:
        self.reached = True


@pytest.mark.parametrize("threads", [0, 1])
def test_nothing_is_overwritten_while_the_device_may_be_at_work_on_it(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = Stream()
    entered: list[Stream] = []

    @contextmanager
    def stream(entering: Stream) -> Any:
        entered.append(entering)
        yield
        entered.pop()

    device = SimpleNamespace(Stream=Stream, Event=Event, stream=stream, current_stream=lambda device: current)
    monkeypatch.setattr(reading_ahead, "torch", SimpleNamespace(cpu=device, empty_like=torch.empty_like))
    gather = Gather(made(60), torch.arange(60))
    reader: Executor | None = ThreadPoolExecutor(1) if threads else None
    batches = ReadAhead(gather, 4, reader)
    copying = batches._copying
    slots = {id(slot.read["image"]): slot for slot in batches._slots}
    moved = {id(slot.moved["image"]): slot for slot in batches._slots}
    read, finish = Gather.read, Gather.finish

    def watched_read(self: Gather, positions: Tensor, into: Mapping[str, Tensor]) -> None:
        assert slots[id(into["image"])].arrived.reached, "the copy to the device may still read this memory"
        read(self, positions, into)

    def watched_finish(self: Gather, values: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> None:
        slot = moved[id(values["image"])]
        assert not entered, "batches are made in the stream that computes"
        assert slot.arrived.stream is copying
        assert copying.waits[-1] is slot.used, "the copy waited until the batch before was made"
        assert slot.used.stream is current
        assert current.waits[-1] is slot.arrived, "the batch is made of what has arrived"
        slot.used.stream = None
        finish(self, values, batch)

    monkeypatch.setattr(Gather, "read", watched_read)
    monkeypatch.setattr(Gather, "finish", watched_finish)
    for count, index in enumerate([0, 1, 2, 3, 3, 7, 8, 2]):
        assert numbers(batches(ORDER, index)) == ORDER[index].tolist()
        assert len(copying.waits) == len(current.waits) == count + 1
        assert batches._slots[index % 2].used.stream is current
    if reader is not None:
        reader.shutdown()
