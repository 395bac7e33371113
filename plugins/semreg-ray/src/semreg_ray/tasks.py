"""What workers of Ray do, on whichever node they are."""

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
"""Variables that begin so are what they are where the command was given; of all others a node's own come first."""


def make(
    arguments: Sequence[str], share: float, given: Mapping[str, str], needed: Mapping[str, str], log: str, working: str
) -> Iterator[tuple[str, int]]:
    """Run `semreg ARGUMENTS` in a process of its own, with what it says added to `log`; gives its node and number.

    A process of its own can be asked to stop at a checkpoint, has its GPU's memory alone, and leaves nothing in the
    worker, which the next trial finds warm. It is told by its standard input when this worker is gone.
    """
    with _begun(arguments, share, given, needed, log, working) as process:
        yield _node(), process.pid
        while process.poll() is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)


def make_copied(
    arguments: Sequence[str], share: float, given: Mapping[str, str], needed: Mapping[str, str], log: str, working: str,
    sent: Sent,
) -> Iterator[tuple[str, int] | bytes]:  # fmt: skip
    """The same in a copy of the run's folder, which it gives at each checkpoint and at the end."""
    with placed(sent, arguments, log) as (folder, moved, said):
        with _begun(moved, share, given, needed, said, working) as process:
            yield _node(), process.pid
            last = checkpoints(folder)
            while process.poll() is None:
                time.sleep(SECONDS_BETWEEN_LOOKS)
                if (now := checkpoints(folder)) - last:
                    with contextlib.suppress(FileNotFoundError):  # the next look is soon
                        yield packed(folder)
                        last = now
        yield packed(folder)


@contextlib.contextmanager
def _begun(
    arguments: Sequence[str], share: float, given: Mapping[str, str], needed: Mapping[str, str], log: str, working: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs `semreg ARGUMENTS`; at the end it is asked to stop, if it is there still, and waited for."""
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
