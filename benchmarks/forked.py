"""Commands in processes that are forked from one that has imported everything, for importing takes longer than they."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from semreg.cli.main import main

MOST_OUTPUT = 2**24


@dataclass(frozen=True)
class Ended:
    """How a command ended; `code` is None if it was killed, by itself or as one that hangs."""

    code: int | None
    output: str
    errors: str
    seconds: float
    largest: int
    """Bytes of memory that it had at most."""


def forked(folder: Path, arguments: Sequence[str], prepare: Callable[[], object], seconds: float) -> Ended:
    """Do a command of semreg's below `folder`, after `prepare`; it is killed after so many seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    paths, begun = [folder / "out", folder / "err"], time.monotonic()
    process = os.fork()
    if not process:
        _be(folder, paths, arguments, prepare)
    pause, status, usage = 0.002, 0, None
    while True:
        found, status, usage = os.wait4(process, os.WNOHANG)
        if found:
            break
        if time.monotonic() - begun > seconds:
            os.kill(process, signal.SIGKILL)
            _, status, usage = os.wait4(process, 0)
            break
        time.sleep(pause)
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
    output, errors = (path.read_bytes()[:MOST_OUTPUT].decode("utf-8", "replace") for path in paths)
    unit = 1 if sys.platform == "darwin" else 1024
    return Ended(code, output, errors, time.monotonic() - begun, usage.ru_maxrss * unit)


def _be(folder: Path, paths: Sequence[Path], arguments: Sequence[str], prepare: Callable[[], object]) -> None:
    """Be the command, and end with its exit code."""
    code = 70
    try:
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, path in enumerate(paths, 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
        sys.argv = ["semreg", *arguments]
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        prepare()
        code = _code(main)
    finally:
        os._exit(code)


def _code(command: Callable[[], object]) -> int:
    """The exit code of a command, which says the rest as Python does."""
    try:
        command()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            code = ended.code or 0
        else:
            os.write(2, str(ended.code).encode("utf-8", "replace"))
            code = 1
    except BaseException as error:
        os.write(2, f"Traceback: {type(error).__name__}\n".encode())
        _trace(error)
        code = 1
    else:
        code = 0
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # as at the end of a process
            stream.flush()
    return code & 0xFF


def _trace(error: BaseException) -> None:
    import traceback

    try:
        os.write(2, "".join(traceback.format_exception(error)).encode("utf-8", "replace"))
    except BaseException:
        os.write(2, b"(its text can't be told)\n")
