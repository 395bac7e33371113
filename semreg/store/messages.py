"""What is said to people while something is done: on standard error, and whatever happens there stops nothing."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import IO, cast

from semreg.core import printable

_UNWRITABLE = (OSError, ValueError, AttributeError)
"""What a stream raises that is full, that is closed, or that is not there at all."""


class Messages(io.TextIOBase):
    """Standard error as it is at the time: what it can't take is replaced or lost. `rich` draws on it."""

    def write(self, text: str) -> int:
        # While rich draws, a proxy stands at standard error that hands on to where rich draws: here.
        _write(getattr(sys.stderr, "rich_proxied_file", sys.stderr), text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(*_UNWRITABLE):
            sys.stderr.flush()

    def isatty(self) -> bool:
        with contextlib.suppress(*_UNWRITABLE):
            return sys.stderr.isatty()
        return False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(sys.stderr, "encoding", None) or "utf-8"


MESSAGES = cast(IO[str], Messages())


def say(text: str) -> None:
    """Say a line, or several. What would steer a terminal is shown, not done: names in it may be anyone's."""
    _write(sys.stderr, f"{printable(text)}\n")
    MESSAGES.flush()


def _write(stream: IO[str] | None, text: str) -> None:
    with contextlib.suppress(*_UNWRITABLE):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "replace").decode(encoding))  # type: ignore[union-attr]


def in_first_process() -> bool:
    """Whether this is the first of the processes that `torchrun` started, or the only one: it speaks for all."""
    return os.environ.get("RANK", "0") == "0"
