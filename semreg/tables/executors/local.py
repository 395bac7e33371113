"""An executor with processes of this machine, which share its cores and GPUs."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import runpy
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from types import ModuleType
from typing import Literal

import joblib

from semreg.core import Needs, room_on

PRELOADED = [
    "semreg.cli.main", "semreg.running.start", "semreg.running.progress", "semreg.report.page", "matplotlib.figure",
    "torch._dynamo",
]  # fmt: skip
"""Modules that each process would import, in seconds; a server has imported them, and forks. It computes nothing."""
LIMITED, LIMITED_BEFORE = "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"
"""The variable that limits PyTorch to a share of a GPU, and its former name."""
LIMITING = "2.10"
"""The first version of PyTorch that surely obeys such a share: support came between 2.9 and this one."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
LOST = 255
"""The exit code of a process whose server was killed, so that its true one is unknown."""


class Local:
    """Processes of this machine, `--on local:N`: N at once, which share the cores, and GPUs if they compute there.

    The default is one process for each core, and on GPUs as many as have room: one on each, or four with `--gpus 0.25`.
    A process with less than a whole GPU can't take more than its share of the memory. A server that has imported
    everything a run needs forks each process into a separate session. So a signal to the terminal's processes reaches
    it only by `cancel`, and it continues if this process is killed.

    Raises ValueError for words that are not a number of processes, and for more processes than the GPUs have room for.
    A share of a GPU raises it if this PyTorch doesn't obey shares.
    """

    def __init__(self, words: str = "", *, gpu: float | None = 0.0) -> None:
        if words and not (words.isascii() and words.isdecimal() and int(words) > 0):
            raise ValueError(f"{words!r} is not a number of processes; local:2 trains two runs at a time")
        cores = joblib.cpu_count()
        self._cards = [] if gpu == 0 else _cards()
        if gpu is None:
            self.slots = int(words) if words else len(self._cards)
            gpu = 1 / max(1, -(-self.slots // len(self._cards)))  # equal shares of each GPU
        elif gpu > 0:
            room = len(self._cards) * int(1 / gpu + 1e-9)
            self.slots = int(words) if words else room
            if self.slots > room:
                here = f"{len(self._cards)} {'is' if len(self._cards) == 1 else 'are'} here"
                raise ValueError(f"{self.slots} at once with {gpu:g} of a GPU each need more GPUs than the {here}")
        else:
            self.slots = int(words) if words else cores
        if 0 < gpu < 1:
            _require_shares(len(self._cards))
        self.needs = Needs(threads=max(1, cores // self.slots), gpu=gpu)
        self._jobs: list[LocalJob] = []
        _context()
        forkserver.ensure_running()  # which imports for seconds, while the grid is planned

    def submit(self, arguments: Sequence[str], needs: Needs) -> LocalJob:
        """Start `semreg ARGUMENTS` in a separate process, on the GPU with the smallest share taken."""
        self._jobs = [job for job in self._jobs if job.state() != "ended"]
        environment, card = {**os.environ, **needs.environment}, None
        if needs.gpu > 0 and self._cards:
            taken: Counter[str | None] = Counter(dict.fromkeys(self._cards, 0))
            for job in self._jobs:
                taken[job.card] += 1
            card = min(self._cards, key=lambda name: taken[name])
            environment[VISIBLE] = card
            if needs.gpu < 1:
                environment[LIMITED] = _limited(environment, needs.gpu)
        with _no_script():
            process = _context().Process(target=_work, args=(list(arguments), environment, str(needs.log)))
            process.start()
        job = LocalJob(process, card)
        self._jobs.append(job)
        return job


class LocalJob:
    """A process of this machine; `card` is the GPU that it sees."""

    def __init__(self, process: ForkServerProcess, card: str | None = None) -> None:
        self.process, self.card = process, card

    def state(self) -> Literal["running", "ended"]:
        """Return whether it still runs."""
        return "running" if self.process.exitcode is None else "ended"

    def cancel(self) -> None:
        """Send it SIGTERM."""
        if self.process.exitcode in (None, LOST) and self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGTERM)


def _work(arguments: list[str], environment: Mapping[str, str], log: str) -> None:
    """Run the command in the new process."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for number in (1, 2):
        os.dup2(descriptor, number)
    sys.argv = ["semreg", *arguments]
    runpy.run_module("semreg", run_name="__main__", alter_sys=False)


def _context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


@contextlib.contextmanager
def _no_script() -> Iterator[None]:
    """Hide the main script inside, which multiprocessing would execute again in each process."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _cards() -> list[str]:
    """Return the GPUs that this process sees, as the environment names them. Raises ValueError if it sees none."""
    import torch

    count = torch.cuda.device_count()
    if not count:
        raise ValueError("this machine has no GPU")
    named = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    return (named or [str(number) for number in range(count)])[:count]


def _require_shares(cards: int) -> None:
    """Raise ValueError if this PyTorch may take more of a GPU than its share."""
    import torch

    if torch.__version__ < LIMITING:
        fits = f"local:{cards} without --gpus gives each process a whole GPU"
        raise ValueError(
            f"PyTorch keeps to a share of a GPU from {LIMITING} on, and this is {torch.__version__}; {fits}"
        )


def _limited(environment: Mapping[str, str], share: float) -> str:
    """Return PyTorch's settings that limit a process to a share of its GPU."""
    import torch

    total = torch.cuda.get_device_properties(0).total_memory
    before = environment.get(LIMITED) or environment.get(LIMITED_BEFORE) or ""
    return ",".join(filter(None, [before, f"per_process_memory_fraction:{room_on(total, share) / total:.4f}"]))
