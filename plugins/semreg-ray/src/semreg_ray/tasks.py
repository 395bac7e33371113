"""Functions that workers of Ray run, on any node."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from semreg_ray.copying import Sent, checkpoints, packed, placed

SECONDS_BETWEEN_LOOKS = 0.05
TAKEN_ALONG = ("SEMREG_", "PYTHONPATH")
"""Variables with these prefixes have the values of the command's environment; for all others the node's own win."""


def make(
    arguments: Sequence[str], share: float, given: Mapping[str, str], needed: Mapping[str, str], log: str, working: str
) -> Iterator[tuple[str, int]]:
    """Run `semreg ARGUMENTS` in a separate process, with its output appended to `log`; yields its node and number.

    A separate process can be asked to stop at a checkpoint, frees its GPU's memory, and leaves nothing in the worker,
    which the next trial reuses. Its standard input closes when this worker is gone.
    """
    with _begun(arguments, share, given, needed, log, working) as process:
        yield _node(), process.pid
        while process.poll() is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)


def make_copied(
    arguments: Sequence[str], share: float, given: Mapping[str, str], needed: Mapping[str, str], log: str, working: str,
    sent: Sent,
) -> Iterator[tuple[str, int] | bytes]:  # fmt: skip
    """Do the same in a copy of the run's folder, which it yields at each checkpoint and at the end."""
    with placed(sent, arguments, log) as (folder, moved, said):
        with _begun(moved, share, given, needed, said, working) as process:
            yield _node(), process.pid
            last = checkpoints(folder)
            while process.poll() is None:
                time.sleep(SECONDS_BETWEEN_LOOKS)
                if (now := checkpoints(folder)) - last:
                    with contextlib.suppress(FileNotFoundError):  # the next check is soon
                        yield packed(folder)
                        last = now
        yield packed(folder)


@contextlib.contextmanager
def _begun(
    arguments: Sequence[str], share: float, given: Mapping[str, str], needed: Mapping[str, str], log: str, working: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that runs `semreg ARGUMENTS`; at the end ask it to stop, if it still runs, and wait for it."""
    taken = {name: value for name, value in given.items() if name.startswith(TAKEN_ALONG)}
    with open(log, "ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "semreg_ray.process", str(share), *arguments],
            stdin=subprocess.PIPE, stdout=said, stderr=said, env={**given, **os.environ, **taken, **needed},
            cwd=working if os.path.isdir(working) else None, start_new_session=True,
        )  # fmt: skip
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait()


def _node() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())


def terminate(process: int) -> None:
    """Send SIGTERM to the process of a trial on this node, if it still runs."""
    try:
        if os.getsid(process) == process:  # otherwise another process has the number now
            os.kill(process, signal.SIGTERM)
    except ProcessLookupError:
        pass


def read(file: str) -> str:
    """Return a file's text here; empty if it is missing."""
    try:
        return Path(file).read_text()
    except OSError:
        return ""
