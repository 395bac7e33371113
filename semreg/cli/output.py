"""The standard streams of a command: writing to them never fails, and they record errors.

A command that writes files continues and succeeds even if its output goes to a closed pipe or a full device. A command
that only prints ends with `require_printed`.
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
    """An open file descriptor whose writing never fails: `lost` is the first error that occurred."""

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            while (written := super().write(data)) is None:  # a full pipe that doesn't block
                select.select((), (self.fileno(),), ())
            return written
        except OSError as error:
            self.lost = self.lost or error
            return memoryview(data).nbytes


def take_over() -> None:
    """Replace standard output and standard error by streams that never fail, unless other code has replaced them."""
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
    """Return a stream to a file descriptor, with the encoding of an earlier stream; it replaces unknown characters."""
    raw = Descriptor(number, "w", closefd=False)
    raw.lost = OSError(errno.EBADF, os.strerror(errno.EBADF)) if closed else None
    at_once = number == 2 or raw.isatty()
    encoding = getattr(before, "encoding", None) or "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "replace", line_buffering=at_once)


def require_printed() -> None:
    """End a command if its output could not be written.

    Raises typer.Exit: with 141 and no message if the reader closed the pipe, otherwise with 1 and a message.
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
    """Print a result. Control characters are shown, not sent to the terminal: names in the text may contain them."""
    if not _is_gone():  # typer.echo would write UTF-8 where ASCII is wanted
        print(printable(text), end="\n" if nl else "", flush=True)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines whose cells are aligned in columns."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def echo_json(value: Any) -> None:
    """Print a result as JSON, in ASCII characters."""
    if not _is_gone():
        print(json.dumps(value, indent=2), flush=True)


def _is_gone() -> bool:
    """Whether a component has closed standard output, or set it to None."""
    return sys.stdout is None or sys.stdout.closed
