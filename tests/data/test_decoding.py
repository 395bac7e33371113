"""Images that processes decode when they are read."""

from __future__ import annotations

import errno
import os
import signal
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semreg.core import UserError
from semreg.data import decoding
from semreg.data.decoding import CannotRead, Decoder, read_rows, workers_here
from semreg.data.images import ImageArray, ImageFiles
from tests.writes import needs_proc


@pytest.fixture
def reader(tmp_path: Path) -> ImageFiles:
    random = np.random.default_rng(0)
    for index in range(20):
        Image.fromarray(random.integers(0, 256, (9, 9), dtype=np.uint8)).save(tmp_path / f"{index}.png")
    return ImageFiles(str(tmp_path), np.array([f"{index}.png" for index in range(20)]), 5, 1)


class Whole:
    """A reader that has no parts of its own."""

    def __init__(self, reader: ImageFiles) -> None:
        self.reader = reader

    def __call__(self, indices: Any) -> Any:
        return self.reader(indices)


def await_ignored(pid: int, number: int) -> None:
    """Return when a process, which may just begin, ignores a signal."""
    while not any(
        int(line.split()[1], 16) >> (number - 1) & 1
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("SigIgn")
    ):
        time.sleep(0.01)


@needs_proc
def test_processes_decode_what_one_does(reader: ImageFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = np.random.default_rng(0).permutation(20)
    expected = reader(order.tolist())
    decoder = Decoder(reader, (1, 5, 5), workers=2)
    assert np.array_equal(decoder(order), expected)
    assert np.array_equal(decoder(order[:3]), expected[:3])
    (tmp_path / "7.png").unlink()
    with pytest.raises(UserError, match=r"7\.png: there is no such image file") as raised:
        decoder(order)
    assert isinstance(raised.value, CannotRead)
    several = np.setdiff1d(order, [7])
    assert np.array_equal(decoder(several), reader(several.tolist())), "goes on after an error"
    for pid in decoder._executor._processes:
        await_ignored(pid, signal.SIGUSR2)  # the last that it sets
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2):  # as who stops a whole group of processes does
            os.kill(pid, number)
    time.sleep(0.1)  # until a death would be seen
    assert np.array_equal(decoder(several), reader(several.tolist())), "signals are for the process that asks"
    for pid in decoder._executor._processes:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    with pytest.raises(UserError, match=r"was killed, perhaps .* SEMREG_WORKERS=1"):
        decoder(several)
    assert np.array_equal(decoder(several), reader(several.tolist())), "with other processes"


class Immediate:
    """Runs at once what it is given."""

    def submit(self, function: Any, *arguments: Any) -> Future[None]:
        done: Future[None] = Future()
        done.set_result(function(*arguments))
        return done


def test_more_processes_than_images(reader: ImageFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Decoder, "_running", lambda self: Immediate())
    decoder, into = Decoder(reader, (1, 5, 5), workers=64), np.zeros((20, 1, 5, 5), dtype=np.uint8)
    assert decoder(np.arange(20), into) is into
    assert np.array_equal(into, reader(range(20)))


def test_several_threads_take_what_one_has_left(reader: ImageFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    class Taken(list[Any]):
        """Says that it holds something until it is asked for that, as where another thread is faster."""

        def __bool__(self) -> bool:
            return True

    monkeypatch.setattr(Decoder, "_running", lambda self: Immediate())
    decoder = Decoder(reader, (1, 5, 5), workers=2)
    decoder._blocks = Taken()
    assert np.array_equal(decoder(np.arange(20)), reader(range(20)))


def test_no_room_for_what_processes_share(reader: ImageFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, mode: str) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Decoder, "_running", lambda self: Immediate())
    monkeypatch.setattr(decoding.Path, "open", full)
    with pytest.raises(UserError, match="No space left on device; set TMPDIR"):
        Decoder(reader, (1, 5, 5), workers=2)(np.arange(20))


def test_readers_send_only_what_is_read(reader: ImageFiles) -> None:
    own, places = decoding._own(reader, np.array([4, 2]))
    assert own.names.tolist() == ["4.png", "2.png"]  # type: ignore[attr-defined]
    assert np.array_equal(own(places), reader([4, 2]))  # type: ignore[arg-type]
    array = ImageArray(np.arange(40, dtype=np.uint8).reshape(10, 1, 2, 2), (2, 2))
    own, places = decoding._own(array, np.array([4, 2]))
    assert len(own.pixels) == 2  # type: ignore[attr-defined]
    assert np.array_equal(own(places), array([4, 2]))  # type: ignore[arg-type]
    whole = Whole(reader)
    assert decoding._own(whole, np.array([4]))[0] is whole


def test_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMREG_WORKERS", "3")
    assert workers_here() == 3
    for written in ("none", "0", "-1", "1.5"):
        monkeypatch.setenv("SEMREG_WORKERS", written)
        with pytest.raises(UserError, match="is not a number of processes"):
            workers_here()
    monkeypatch.delenv("SEMREG_WORKERS")
    assert workers_here() >= 1


def test_other_images_than_expected(reader: ImageFiles) -> None:
    with pytest.raises(ValueError, match=r"the reader gave images \(2, 1, 5, 5\) of uint8; \(2, 3, 5, 5\)"):
        read_rows(reader, [0, 1], (3, 5, 5))
