"""The executor of the cluster with submitit's local one in its place: its jobs are processes of this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import submitit
from semreg_slurm.executor import Queue, Slurm
from submitit.helpers import DelayedSubmission

from semreg.core import Needs

JOBS: dict[str, submitit.LocalJob[Any]] = {}
"""Those that this process has begun, and who ask it for their states."""


class Processes(Queue):
    def listed(self) -> dict[str, str]:
        return {number: job.state for number, job in JOBS.items() if not job.done()}

    def cancel(self, number: str, *, running: bool) -> None:
        process = JOBS[number]._process
        assert process is not None
        process.terminate()  # which it hands on; submitit's own cancel is SIGINT, and then SIGKILL at once


class Logged:
    """What a job does, with the log that Slurm would write."""

    def __init__(self, function: Any, log: str) -> None:
        self.function, self.log = function, log

    def __call__(self) -> None:
        descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        for number in (1, 2):
            os.dup2(descriptor, number)
        self.function()

    def checkpoint(self) -> DelayedSubmission:
        return DelayedSubmission(self)


class Local(submitit.LocalExecutor):
    log = ""

    def submit(self, fn: Any, *args: Any, **kwargs: Any) -> submitit.LocalJob[Any]:
        job: Any = super().submit(Logged(fn, self.log))
        JOBS[job.job_id] = job
        return job


class ByProcesses(Slurm):
    """Jobs that are processes of this machine."""

    def __init__(self, words: str = "", *, gpu: float | None = 0.0) -> None:
        super().__init__(words, gpu=gpu)
        self.queue = Processes()

    def executor(self, folder: Path, needs: Needs) -> submitit.Executor:
        made = Local(folder)
        made.log = str(needs.log)
        made.update_parameters(timeout_min=60)
        return made
