"""What workers of Ray do, on whichever node they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.05
TAKEN_ALONG = ("SEMREG_", "PYTHONPATH")
"""Variables that begin so are what they are where the command was given; of all others a node's own come first."""


def make(
    arguments: Sequence[str], share: float, given: Mapping[str, str], needed: Mapping[str, str], log: str, folder: str
) -> Iterator[tuple[str, int]]:
    """Run `semreg ARGUMENTS` in a process of its own, with what it says added to `log`; gives its node and number.

    A process of its own can be asked to stop at a checkpoint, has its GPU's memory alone, and leaves nothing in the
    worker, which the next trial finds warm. It is told by its standard input when this worker is gone.
    """
    taken = {name: value for name, value in given.items() if name.startswith(TAKEN_ALONG)}
    with open(log, "ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "semreg_ray.process", str(share), *arguments],
            stdin=subprocess.PIPE, stdout=said, stderr=said, env={**given, **os.environ, **taken, **needed},
            cwd=folder if os.path.isdir(folder) else None, start_new_session=True,
        )  # fmt: skip
    assert process.stdin is not None
    try:
        yield _node(), process.pid
        while process.poll() is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:  # cancelled before anyone knew that it had begun
        process.stdin.close()
        process.wait()


def _node() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())


def terminate(process: int) -> None:
    """Send SIGTERM to the process of a trial of this node, if it is there still."""
    try:
        if os.getsid(process) == process:  # else the number has become another's
            os.kill(process, signal.SIGTERM)
    except ProcessLookupError:
        pass


def read(file: str) -> str:
    """What a file holds here; empty if it isn't here."""
    try:
        return Path(file).read_text()
    except OSError:
        return ""
