"""Whether two processes of one thread train as many images a second as one process of two threads.

`semreg run` on recipes/atnl_mnist.toml with its fallback's digits, in a process of its own, without evaluations; the
speed is the one recorded last. The two are started by torchrun and exchange gradients by gloo.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.families import NO_DATA
from benchmarks.gpu_speed import read_speed
from benchmarks.measure import ROOT, Effort, Findings, Goal, Table, in_turns, median_ratio

ROUNDS, EPOCHS = 3, 4
LEAST = 0.9
"""How many times as many images a second the two processes are to train."""
ONE, TWO = "one process of two threads", "two processes of one thread"
COMMANDS: Mapping[str, tuple[int, list[str]]] = {
    ONE: (2, []),
    TWO: (1, ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]),
}
"""How many threads each process has, and what starts it."""


def seconds_per_image(name: str, epochs: int) -> float:
    """What one run records."""
    threads, launcher = COMMANDS[name]
    with TemporaryDirectory() as folder:
        command = [
            sys.executable, *launcher, "-m", "semreg", "run", str(ROOT / "recipes" / "atnl_mnist.toml"),
            "--device", "cpu", "--out", folder, "--data-root", NO_DATA,
            "--set", f"fallback.phases.main.epochs={epochs}", "--set", "without=['evaluate']",
        ]  # fmt: skip
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
        return 1 / read_speed(Path(folder))["images_per_second"]


def measure(effort: Effort) -> Findings:
    """Images per second."""
    contestants = {name: partial(seconds_per_image, name, effort.of(EPOCHS)) for name in COMMANDS}
    measured = in_turns(contestants, effort.of(ROUNDS), warm_up=False)
    rows = [[name, f"{1 / statistics.median(values):,.0f}"] for name, values in measured.items()]
    ratio = median_ratio(measured[ONE], measured[TWO])
    goal = Goal(f"processes: {TWO}", f"at least {LEAST:.2f} times as fast as {ONE}", f"{ratio:.3f}", ratio >= LEAST)
    note = f"{' '.join((__doc__ or '').split())} Medians of {len(measured[ONE])} rounds."
    return Findings([Table("Processes", ["run", "images/s"], rows, note)], [goal])
