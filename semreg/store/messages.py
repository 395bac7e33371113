"""Messages to people during work, on standard error; failures to write them stop nothing."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import IO, cast

from semreg.core import printable

_UNWRITABLE = (OSError, ValueError, AttributeError)
"""Errors of a stream that is full, closed or missing."""


class Messages(io.TextIOBase):
    """The current standard error: text that it can't take is replaced or lost. `rich` draws on it."""

    def write(self, text: str) -> int:
        # While rich draws, standard error is a proxy that forwards to this object.
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
    """Print one or several lines. Control characters are escaped, since names in the text may be untrusted."""
    _write(sys.stderr, f"{printable(text)}\n")
    MESSAGES.flush()


def _write(stream: IO[str] | None, text: str) -> None:
    with contextlib.suppress(*_UNWRITABLE):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "replace").decode(encoding))  # type: ignore[union-attr]


def in_first_process() -> bool:
    """Return whether this is the first of the processes that `torchrun` started, or the only one: it prints for all."""
    return os.environ.get("RANK", "0") == "0"
