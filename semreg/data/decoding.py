"""Images that are decoded on reading, in processes beside the training process.

It doesn't import torch, so that these processes start quickly.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import wait
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from semreg.core import ImageReader, UserError
from semreg.store.disk import writing

FEW = 8
"""Up to this many images are decoded in this process; each other process gets about as many at least."""
SECONDS_IDLE = 60
"""A process ends after this idle time, also if its parent was killed."""

WORKERS = "SEMREG_WORKERS"

Pixels = npt.NDArray[np.uint8]
Indices = Sequence[int] | npt.NDArray[np.int64]


class CannotRead(UserError):  # noqa: N818
    """An image that became unreadable after its data set was checked; the caller is not at fault."""


class Decoder:
    """Reads images of `shape` (channels, height, width) by a reader in `workers` processes.

    The default is `$SEMREG_WORKERS`, else the number of cores. The processes start when they are first needed.
    """

    def __init__(self, reader: ImageReader, shape: tuple[int, ...], workers: int | None = None) -> None:
        self._reader, self._shape, self._workers = reader, shape, workers
        self._lock = threading.Lock()
        self._executor: Any = None
        self._folder: TemporaryDirectory[str] | None = None  # ends together with this object
        self._blocks: list[np.memmap[Any, np.dtype[np.uint8]]] = []
        self._made = 0

    def __call__(self, indices: npt.NDArray[np.int64], out: Pixels | None = None) -> Pixels:
        """Return images `(len(indices), channels, height, width)`, in the memory `out` if it is given.

        Raises CannotRead for an unreadable image, and if a process was killed.
        """
        out = np.empty((len(indices), *self._shape), dtype=np.uint8) if out is None else out
        try:
            self._read(indices, out)
        except UserError as error:
            raise CannotRead(error.source, error.problems) from error
        return out

    def _read(self, indices: npt.NDArray[np.int64], out: Pixels) -> None:
        if len(indices) <= FEW or self._count() == 1:
            out[:] = read_rows(self._reader, indices, self._shape)
            return
        from concurrent.futures.process import BrokenProcessPool

        submit = self._running().submit
        try:
            block = self._blocks.pop()  # several threads call this
        except IndexError:
            block = self._block(len(indices))
        if len(block) < len(indices):
            block = self._block(len(indices))
        try:
            place = str(block.filename), block.shape
            places = np.array_split(np.arange(len(indices)), min(self._count(), -(-len(indices) // FEW)))
            reading = [submit(_read_into, *_own(self._reader, indices[at]), place, int(at[0])) for at in places]
            wait(reading)  # also if one fails: the others still write
            for one in reading:
                one.result()
            out[:] = block[: len(indices)]
        except BrokenProcessPool as error:
            self._executor = None
            raise killed(self._count()) from error
        finally:
            self._blocks.append(block)

    def _block(self, rows: int) -> np.memmap[Any, np.dtype[np.uint8]]:
        """Return memory for images that the processes share: the map of a file, which is faster than a pipe."""
        with self._lock:
            if self._folder is None:
                self._folder = TemporaryDirectory(prefix="semreg-")
            self._made += 1
            path = Path(self._folder.name, str(self._made))
            with writing(path, "set TMPDIR to a folder that has room"), path.open("wb") as file:
                # A full disk under a map kills the process.
                file.write(bytes(rows * math.prod(self._shape)))
            return np.memmap(path, np.uint8, "r+", shape=(rows, *self._shape))

    def _count(self) -> int:
        if self._workers is None:
            self._workers = workers_here()
        return self._workers

    def _running(self) -> Any:
        with self._lock:
            if self._executor is None:
                # Its processes don't import the user's script, so that the script needs no guard.
                from joblib.externals.loky import ProcessPoolExecutor

                self._executor = ProcessPoolExecutor(self._count(), timeout=SECONDS_IDLE, initializer=_leave_signals)
                weakref.finalize(self, self._executor.shutdown, wait=False, kill_workers=True)
            return self._executor


def workers_here() -> int:
    """Return how many processes decode: `$SEMREG_WORKERS`, else one for each core. Raises UserError for other text."""
    import joblib

    return workers_asked() or int(joblib.cpu_count())


def workers_asked() -> int | None:
    """Return `$SEMREG_WORKERS`, None if it is not set. Raises UserError if it is not a number of processes."""
    written = os.environ.get(WORKERS)
    if not written:
        return None
    if not written.isdecimal() or int(written) < 1:
        raise UserError(WORKERS, f"{written!r} is not a number of processes; expected at least 1")
    return int(written)


def killed(workers: int) -> UserError:
    """Return the error for a killed process among `workers` decoding ones, with advice."""
    said = "a process that decodes images was killed, perhaps since memory ran out; fewer decode with"
    return UserError("images", f"{said} {WORKERS}={max(1, workers // 2)}")


def _leave_signals() -> None:
    """Ignore the signals of a terminal or a cluster's job; the parent receives them and then ends this process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def _own(reader: ImageReader, indices: npt.NDArray[np.int64]) -> tuple[ImageReader, Indices]:
    """Return a reader of only these images, if there is one, and their indices in it: smaller to send than
    all names."""
    if hasattr(reader, "part"):
        return reader.part(indices), range(len(indices))
    return reader, indices


def _read_into(reader: ImageReader, indices: Indices, place: tuple[str, tuple[int, ...]], first: int) -> None:
    """Read images into shared memory (a file), from row `first` on."""
    path, shape = place
    _mapped(path, shape)[first : first + len(indices)] = read_rows(reader, indices, shape[1:])


@lru_cache(maxsize=16)
def _mapped(path: str, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    return np.memmap(path, np.uint8, "r+", shape=shape)


def read_rows(reader: ImageReader, indices: Indices, shape: tuple[int, ...]) -> Pixels:
    """Return images `(len(indices), *shape)`, uint8. Raises ValueError if the reader returns a different
    shape or type."""
    pixels = reader(cast(Sequence[int], indices))  # an array is indexed in the same way
    expected = (len(indices), *shape)
    if pixels.shape != expected or pixels.dtype != np.uint8:
        raise ValueError(f"the reader gave images {pixels.shape} of {pixels.dtype}; {expected} of uint8 were expected")
    return np.ascontiguousarray(pixels)
