"""A job of the cluster: a run of semreg, which is queued again when its time is over."""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

import submitit
from submitit.helpers import DelayedSubmission

STOP = "stop"
"""The file beside a job's script that stops a job that just starts."""


class RunOfSemreg:
    """`semreg ARGUMENTS`, with variables of the environment, in submitit's process.

    SIGTERM stops it at a checkpoint, and the job ends. Slurm sends submitit's own signal when the time is nearly over,
    or another job has priority. It also stops the run at a checkpoint, and the job is queued again with the same
    arguments. The run is not a separate process, since Slurm sends signals to all processes of a job: two SIGTERM would
    stop it at once. A SIGTERM while submitit starts is lost; the file `stop` then cancels the job.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], stop: Path) -> None:
        self.arguments, self.environment, self.stop = list(arguments), dict(environment), stop

    def __call__(self) -> None:
        """Make the run. Raises SystemExit with its exit code, unless it is queued again."""
        told = getattr(signal, f"SIG{submitit.JobEnvironment.USR_SIG}")
        queue_again = signal.getsignal(told)  # submitit's handler, which calls `checkpoint`
        asked: list[int] = []

        def stop(number: int, frame: FrameType | None) -> None:
            if not asked:
                asked.append(number)
                signal.raise_signal(signal.SIGTERM)

        os.environ.update(self.environment)
        sys.argv = ["semreg", *self.arguments]
        stopped = 128 + signal.SIGTERM
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(stopped))  # until semreg handles it
        signal.signal(told, stop)
        if self.stop.exists():
            sys.exit(stopped)
        try:
            runpy.run_module("semreg", run_name="__main__")
        except SystemExit as ended:
            if not asked or ended.code != stopped or not callable(queue_again):
                raise
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Slurm sends it to jobs that it queues again
            queue_again(asked[0], None)

    def checkpoint(self) -> DelayedSubmission:
        """Return the job to queue again: the same one."""
        return DelayedSubmission(self)
