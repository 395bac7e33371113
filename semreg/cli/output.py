"""The standard streams of a command: they take whatever is printed, and keep in mind if it went nowhere.

A command that does its work in files is not stopped, nor failed, by a pipe that is closed or a device that is full.
One that only prints ends with `require_printed`.
"""

from __future__ import annotations

import errno
import io
import json
import os
import select
import signal
import sys
from collections.abc import Sequence
from typing import IO, Any

import typer

from semreg.core import printable
from semreg.store.messages import say


class Descriptor(io.FileIO):
    """An open file descriptor whose writing never fails: `lost` is the error by which something went nowhere."""

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            while (written := super().write(data)) is None:  # a pipe that is full, and doesn't wait by itself
                select.select((), (self.fileno(),), ())
            return written
        except OSError as error:
            self.lost = self.lost or error
            return memoryview(data).nbytes


def take_over() -> None:
    """Put streams that take everything in the place of this process's own, unless others stand there already."""
    closed = {number for number in range(3) if _is_closed(number)}
    for _ in closed:  # in ascending order; a file that is opened later would take their numbers
        os.open(os.devnull, os.O_RDWR)
    for number, name in ((1, "stdout"), (2, "stderr")):
        before = getattr(sys, name)
        if before is getattr(sys, f"__{name}__"):
            setattr(sys, name, _stream(number, before, closed=number in closed))


def _is_closed(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


def _stream(number: int, before: IO[str] | None, *, closed: bool) -> IO[str]:
    """A stream to a file descriptor, in the encoding of the one before; characters that it lacks are replaced."""
    raw = Descriptor(number, "w", closefd=False)
    raw.lost = OSError(errno.EBADF, os.strerror(errno.EBADF)) if closed else None
    at_once = number == 2 or raw.isatty()
    encoding = getattr(before, "encoding", None) or "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "replace", line_buffering=at_once)


def require_printed() -> None:
    """End a command whose output went nowhere: quietly where nobody reads on, with what happened elsewhere.

    Raises typer.Exit, with 141 as if a closed pipe had ended the process, or with 1.
    """
    if _is_gone():
        say("standard output can't be written: a component closed it")
        raise typer.Exit(1)
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    error = raw.lost if isinstance(raw, Descriptor) else None
    if error is None:
        return
    if error.errno == errno.EPIPE:
        raise typer.Exit(128 + signal.SIGPIPE)
    say(f"standard output can't be written: {error.strerror}")
    raise typer.Exit(1)


def echo(text: str, *, nl: bool = True) -> None:
    """Print a result. What would steer a terminal is shown, not done: names in it may be anyone's."""
    if not _is_gone():  # typer.echo would write UTF-8 where ASCII is wanted
        print(printable(text), end="\n" if nl else "", flush=True)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of rows whose cells stand below each other."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def echo_json(value: Any) -> None:
    """Print a result for machines, in characters that every encoding has."""
    if not _is_gone():
        print(json.dumps(value, indent=2), flush=True)


def _is_gone() -> bool:
    """Whether a component has closed standard output, or put nothing in its place."""
    return sys.stdout is None or sys.stdout.closed
