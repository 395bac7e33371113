"""The memory of a run over time: resident memory, sampled by a hook plugin while whole runs train.

Each run is a process of its own, `semreg.run` with the hooks that every run has and one more that samples. Checkpoints
are written every half second instead of every half minute, so that there are many. *VAE*: recipes/vae_digits.toml,
validated after every epoch. *OLR*: recipes/olr_celeba.toml on its embedded fallback, shrunk, the longest of its phases.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from benchmarks.measure import ROOT, Effort, Findings, Goal, Table, write_distribution
from semreg.core.hookspecs import Progress, hookimpl

SAMPLES = "SEMREG_BENCHMARK_MEMORY"
WARM_UP = 0.25
"""The share of a phase after which memory should no longer grow."""
MOST = 0.02
"""How much it may grow after that, as a share."""
MEGABYTE = 2**20
CHILD = """
import sys, semreg
from semreg.training import trainer
trainer.SECONDS_BETWEEN_CHECKPOINTS = 0.5
semreg.run(sys.argv[1], overrides=sys.argv[3:], out=sys.argv[2], data_root=sys.argv[2] + "/no data", device="cpu")
"""


class Sampler:
    """The hook plugin: a line for each sample and each checkpoint."""

    def __init__(self) -> None:
        self._file: TextIO = open(os.environ[SAMPLES], "a")  # noqa: SIM115  open for as long as the run lasts

    @hookimpl
    def iteration_done(self, progress: Progress) -> None:
        if progress.iteration % max(1, progress.iterations // 200) == 0:
            self._write(phase=progress.phase, iteration=progress.iteration, bytes=resident())

    @hookimpl
    def checkpoint_written(self) -> None:
        self._write(checkpoint=True)

    def _write(self, **sample: Any) -> None:
        self._file.write(json.dumps(sample) + "\n")
        self._file.flush()


def resident() -> int:
    """The resident memory of this process in bytes (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Memory:
    """What was sampled in the longest phase of a run."""

    iterations: Sequence[int]
    sizes: Sequence[int]
    checkpoints: int

    @property
    def warmed_up(self) -> int:
        """The first sample after the warm-up."""
        return next(k for k, iteration in enumerate(self.iterations) if iteration >= WARM_UP * self.iterations[-1])

    @property
    def slope(self) -> float:
        """Bytes per 1,000 steps after the warm-up, by least squares."""
        steps, sizes = self.iterations[self.warmed_up :], self.sizes[self.warmed_up :]
        return 1000 * statistics.linear_regression(steps, sizes).slope

    @property
    def growth(self) -> float:
        """From the end of the warm-up to the end of the phase, as a share."""
        return self.sizes[-1] / self.sizes[self.warmed_up] - 1


def sampled(recipe: Path, overrides: Sequence[str]) -> Memory:
    """Train a recipe in a process of its own and read what its plugin sampled."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        hook = {"semreg.hooks": {"memory": "benchmarks.memory:Sampler"}}
        write_distribution(folder / "plugin", "semreg-memory", hook)
        path = [str(ROOT), str(folder / "plugin"), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), SAMPLES: str(folder / "samples.jsonl"),
                       "SEMREG_CACHE": str(folder / "cache")}  # fmt: skip
        command = [sys.executable, "-c", CHILD, str(recipe), str(folder / "runs"), *overrides]
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    samples = [line for line in lines if "bytes" in line]
    last = {line["phase"]: line["iteration"] for line in samples}
    longest = max(last, key=lambda phase: last[phase])
    chosen = [line for line in samples if line["phase"] == longest]
    checkpoints = sum("checkpoint" in line for line in lines)
    return Memory([line["iteration"] for line in chosen], [line["bytes"] for line in chosen], checkpoints)


def vae(effort: Effort) -> list[str]:
    """The recipe and what is changed in it."""
    validated = 'phases.main.validate={loss="reconstruction_error",keep="best"}'
    return ["vae_digits.toml", f"phases.main.epochs={effort.of(300, least=4)}", validated]


def olr(effort: Effort) -> list[str]:
    """The recipe and what is changed in it."""
    return [
        "olr_celeba.toml", "fallback.data.count=240", "data.batch_size=16", "modules.decoder.width=0.1",
        "fallback.modules.siamese.channels=[8, 16]", "fallback.modules.classifier.widths=[8, 16]",
        "phases.classifier.epochs=1", f"phases.siamese.epochs={effort.of(40, least=2)}", "phases.decoder.epochs=1",
        "evaluate.editing.count=8", "evaluate.editing_unscaled.count=8",
    ]  # fmt: skip


RUNS: dict[str, Callable[[Effort], list[str]]] = {"VAE": vae, "OLR": olr}


def measure(effort: Effort) -> Findings:
    """Megabytes at the start, after the warm-up and at the end, and the slope."""
    rows, goals = [], []
    for name, changes in RUNS.items():
        recipe, *overrides = changes(effort)
        memory = sampled(ROOT / "recipes" / recipe, overrides)
        start, warm, end = (memory.sizes[k] / MEGABYTE for k in (0, memory.warmed_up, -1))
        rows.append([name, f"{memory.iterations[-1]:,}", str(memory.checkpoints), f"{start:.1f}", f"{warm:.1f}",
                     f"{end:.1f}", f"{memory.growth:+.2%}", f"{memory.slope / MEGABYTE:+.2f}"])  # fmt: skip
        wanted = f"at most {MOST:+.0%} after the warm-up"
        goals.append(Goal(f"memory: {name}", wanted, f"{memory.growth:+.2%}", memory.growth <= MOST))
    columns = ["run", "steps", "checkpoints", "first step, MB", "warmed up, MB", "last step, MB", "since warm-up",
               "MB per 1,000 steps since"]  # fmt: skip
    note = f"{' '.join((__doc__ or '').split())} Warmed up: after {WARM_UP:.0%} of the steps."
    return Findings([Table("Memory", columns, rows, note)], goals)
