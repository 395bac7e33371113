"""The executor `slurm`: each trial is a job of a cluster, whose nodes see the same folders as this machine."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError
from submitit.helpers import clean_env

from semreg.core import Needs, UserError, closest
from semreg_slurm.trial import STOP, RunOfSemreg

COMMANDS = ("sbatch", "squeue", "scancel", "srun")
MOST_AT_ONCE, MINUTES, SECONDS_TO_STOP = 100, 60, 90
"""Defaults: how many jobs there are at once, how long each may take before it is queued again, and how long before that
it receives a signal."""
MOST_TIMES = 100
"""How often a job that used up its time is queued again; then it ends, and only a coordinator starts it again."""
SECONDS_BETWEEN_LOOKS = 5.0
"""Seconds between requests for the queue."""
PATIENCE = 60.0
"""Seconds that Slurm may take to answer."""
OURS = {
    "additional_parameters", "array_parallelism", "dependency", "job_name", "nodes", "ntasks_per_node", "num_gpus",
    "setup", "srun_args", "stderr_to_stdout", "teardown", "use_srun",
}  # fmt: skip
"""Parameters of submitit that users can't set: they are not text, or define the trial."""
GPUS = ("gpus_per_node", "gpus_per_task", "gres")
NUMBERS = ("cpus_per_task", "signal_delay_s", "time")
WAITING = ("PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT")
"""States, by `squeue`'s names, of a job that has no process yet, or will get a new one."""


class Slurm:
    """Jobs of a Slurm cluster, `--on slurm:N,KEY=VALUE,…`: N of them at once, 100 by default, including waiting ones.

    KEY is a parameter of `sbatch` that submitit supports: `partition`, `account`, `qos`, `constraint`, `mem`, `time`
    (minutes, 60 by default), `cpus_per_task`, `gpus_per_node` and others. A job whose time is nearly over stops at a
    checkpoint and is queued again with the same arguments. Each has as many cores as threads, 1 by default or
    `cpus_per_task`. It has a GPU if this machine has one, and with `gpus_per_node=1` also otherwise.

    Raises ValueError if Slurm is missing, for words that it doesn't support, and for shares of a GPU.
    """

    def __init__(self, words: str = "", *, gpu: float | None = 0.0) -> None:
        missing = next((command for command in COMMANDS if shutil.which(command) is None), None)
        if missing:
            raise ValueError(
                f"{missing} is missing here; give the command on a login node of a cluster, or use --on local:2"
            )
        if gpu is not None and 0 < gpu < 1:
            raise ValueError(f"Slurm gives whole GPUs, no {gpu:g} of one; leave --gpus out")
        count, self.parameters = _read(words)
        self.slots = count or MOST_AT_ONCE
        if gpu != 0 and not any(key in self.parameters for key in GPUS):
            self.parameters["gpus_per_node"] = 1
        on_gpu = any(self.parameters.get(key) for key in GPUS)
        self.needs = Needs(threads=self.parameters.get("cpus_per_task", 1), gpu=1.0 if on_gpu else 0.0)
        self.queue = Queue()
        self._logs: dict[Path, str] = {}
        """The last job for each log."""

    def submit(self, arguments: Sequence[str], needs: Needs) -> SlurmJob:
        """Queue `semreg ARGUMENTS`, unless a killed coordinator did so and that job still exists. Raises UserError."""
        folder = needs.log.with_suffix(".slurm").absolute()
        before = [file.name.partition("_")[0] for file in folder.glob("*_submission.sh")]
        number = next((one for one in before if one in self.queue.states()), None)
        if number is None:
            if needs.log in self._logs and needs.log.name not in os.listdir(needs.log.parent):  # this asks the server
                said = f"job {self._logs[needs.log]} ended, and there is no {needs.log}"
                raise UserError("", f"{said}: its node doesn't see that folder, or someone has cancelled it")
            stop = folder / STOP
            stop.unlink(missing_ok=True)
            number = self.queued(folder, RunOfSemreg(arguments, needs.environment, stop), needs)
            self.queue.add(number)
        self._logs[needs.log] = number
        return SlurmJob(number, self.queue, folder / STOP)

    def queued(self, folder: Path, run: RunOfSemreg, needs: Needs) -> str:
        """Queue a job and return its number. Raises UserError with the message of `sbatch`."""
        inside = "SLURM_JOB_ID" in os.environ  # from another job, whose settings are not for this one
        with clean_env() if inside else contextlib.nullcontext(), contextlib.redirect_stderr(io.StringIO()):
            try:
                return str(self.executor(folder, needs).submit(run).job_id)
            except (FailedJobError, FailedSubmissionError) as error:
                raise UserError("", " ".join(str(error).split())) from error

    def executor(self, folder: Path, needs: Needs) -> submitit.Executor:
        """Return the object that writes the script of a job into a folder, and passes it to `sbatch`."""
        made = submitit.SlurmExecutor(folder, max_num_timeout=MOST_TIMES)
        # From Slurm 22.05, srun requests its cores again; it appends to a file only with an option.
        cores, log = self.parameters.get("cpus_per_task", needs.threads), str(needs.log).replace("%", "%%")
        step = [f"--cpus-per-task={cores}", f"--output={log}", "--open-mode=append"]
        ours = {"job_name": needs.log.stem, "cpus_per_task": cores, "stderr_to_stdout": True, "srun_args": step}
        whole = {"time": MINUTES, "signal_delay_s": SECONDS_TO_STOP, **self.parameters, **ours}
        made.update_parameters(**whole, additional_parameters={"output": log})
        return made


class SlurmJob:
    """A job of the cluster, by its number; the file `stop` cancels a job that just starts."""

    def __init__(self, number: str, queue: Queue, stop: Path) -> None:
        self.number, self.queue, self.stop = number, queue, stop

    def state(self) -> Literal["waiting", "running", "ended"]:
        """Return its state. Raises UserError if Slurm doesn't answer."""
        state = self.queue.states().get(self.number)
        if state is None:
            return "ended"
        return "waiting" if state in WAITING else "running"

    def cancel(self) -> None:
        """Send SIGTERM to its processes, or remove it from the queue. Raises UserError if Slurm doesn't answer."""
        self.queue.forget()
        state = self.state()
        if state != "ended":
            with contextlib.suppress(OSError):  # if it can't be written, only the signal cancels
                self.stop.touch()
            self.queue.cancel(self.number, running=state == "running")


class Queue:
    """The states of the user's jobs, from one call of `squeue`. Unlike `sacct`, it needs no accounting."""

    def __init__(self) -> None:
        self._asked = float("-inf")
        self._states: dict[str, str] = {}
        self._failure = ""

    def states(self) -> Mapping[str, str]:
        """Return the state of each job, by its number; one that has ended is missing. Raises UserError."""
        if time.monotonic() - self._asked >= SECONDS_BETWEEN_LOOKS:
            self._failure = ""
            try:
                self._states = self.listed()
            except UserError as error:
                self._failure = error.text()
            self._asked = time.monotonic()
        if self._failure:
            raise UserError("", self._failure)
        return self._states

    def add(self, number: str) -> None:
        """Add a job that was just submitted."""
        self._states[number] = "PENDING"

    def forget(self) -> None:
        """Make the next call ask the cluster."""
        self._asked = float("-inf")

    def listed(self) -> dict[str, str]:
        """Return the states from the cluster. Raises UserError."""
        return dict(line.split(maxsplit=1) for line in _answer("squeue", "--me", "--noheader", "--format=%i %T"))

    def cancel(self, number: str, *, running: bool) -> None:
        """Send SIGTERM to a running job, or remove a waiting one. Raises UserError."""
        _answer("scancel", *(["--signal=TERM"] if running else []), number)


def _answer(*command: str) -> list[str]:
    """Return the lines that a command of Slurm prints. Raises UserError."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SQUEUE_", "SCANCEL_"))}
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE, env=plain)
    except subprocess.TimeoutExpired:
        raise UserError(command[0], f"it doesn't answer within {PATIENCE:.0f} seconds") from None
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stderr.split()) or f"{command[0]} ended with exit code {error.returncode}"
        raise UserError("", said) from None
    return done.stdout.splitlines()


def _read(words: str) -> tuple[int | None, dict[str, Any]]:
    """Return the number of jobs at once, if the words start with one, and parameters. Raises ValueError."""
    count, found, last = None, {}, ""
    known = submitit.SlurmExecutor._valid_parameters() - OURS
    for place, word in enumerate(words.split(",") if words else []):
        name, equals, value = word.partition("=")
        key = name.strip().replace("-", "_")
        if equals and value and key in known:
            found[key], last = value, key
        elif key in known:
            raise ValueError(f"{name} has no value; write {name}=VALUE")
        elif equals:
            raise ValueError(f"{name!r} is no parameter of a job{closest(key, known)}")
        elif last:
            found[last] += f",{word}"  # the next item of a list, such as partitions
        elif place == 0 and word.isascii() and word.isdecimal() and int(word) > 0:
            count = int(word)
        else:
            raise ValueError(f"{word!r} is no number of jobs; slurm:8,partition=gpu has eight at once")
    parameters = {key: _value(key, value) for key, value in found.items()}
    told = parameters.get("signal_delay_s", SECONDS_TO_STOP)
    if (least := 2 + -(-told // 60)) > parameters.get("time", MINUTES):  # Slurm may send the signal a minute early
        said = f"time={parameters.get('time', MINUTES)}: Slurm tells a job {told} seconds before, or earlier"
        raise ValueError(f"{said}; {least} or more leaves it time")
    return count, parameters


def _value(key: str, value: str) -> Any:
    """Return a parameter in submitit's type. Raises ValueError."""
    number = int(value) if value.isascii() and value.isdecimal() else None
    if key in NUMBERS and not number:
        raise ValueError(f"{key}={value}: expected a whole number above 0" + (", of minutes" if key == "time" else ""))
    if key == "exclusive" and value in ("true", "True"):
        return True
    return value if number is None else number
