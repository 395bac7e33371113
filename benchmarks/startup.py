"""What the light commands compute, and a run until its first step is done or it is opened.

Against a bare interpreter, a bare loop's first step, and the import of PyTorch.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import (
    ROOT,
    Effort,
    Findings,
    Goal,
    Table,
    in_turns,
    median_difference,
    milliseconds,
    write_distribution,
)

BARE = "python -c pass"
STARTS = 30
RUNS = 20
MOST = 0.150
COMMANDS = {"semreg --help": True, "semreg list": True, "semreg runs": True, "semreg list losses": False,
            "semreg list --help": False, "semreg run --help": False}  # fmt: skip

FIRST_STEPS = 10
SHORT = ["run", "vae_digits", "--set", "phases.main.epochs=1"]
BARE_STEP = """
import os
import torch
from torch import nn

encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 32))
decoder = nn.Sequential(nn.Linear(16, 256), nn.ReLU(), nn.Linear(256, 64))
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
images = torch.rand(64, 1, 8, 8)
mean, log_variance = encoder(images).chunk(2, dim=1)
code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 64
((decoder(code) - images.flatten(1)).square().sum() / 64 + 0.2 * kl).backward()
optimizer.step()
os._exit(0)
"""
FIRST_STEP = """
import os
import shutil
from semreg.core.hookspecs import hookimpl

class FirstStep:
    @hookimpl
    def iteration_done(self, run, progress):
        shutil.rmtree(run.folder)
        os._exit(0)
"""
OPENED = """
import os
from pathlib import Path
import semreg

(run,) = Path("trained").iterdir()
semreg.open_run(run)
os._exit(0)
"""
SPENT = {
    "import torch": (["-c", "import os, torch; os._exit(0)"], None, 0.0),
    "semreg.open_run": (["-c", OPENED], "import torch", 0.4),
    "a bare loop's first step": (["-c", BARE_STEP], None, 0.0),
    "first step of `semreg run vae_digits`": (["-m", "semreg", *SHORT], "a bare loop's first step", 0.6),
}
"""An interpreter's arguments by what it does, what it is held against, and how many seconds more it may compute."""


def measure(effort: Effort) -> Findings:
    """What light commands compute, and what a run does until it is opened or has done a step.

    Of the processor's time, on all of its cores: where others are at work as well, it hardly differs.
    """
    commands, computing = of_commands(effort), of_computing(effort)
    return Findings([*commands.tables, *computing.tables], [*commands.goals, *computing.goals])


def of_computing(effort: Effort) -> Findings:
    """Seconds until a run is opened or has done a step."""
    with TemporaryDirectory() as folder:
        spent(["-m", "semreg", *SHORT, "--out", "trained"], folder)
        write_distribution(Path(folder), "semreg-first-step", {"semreg.hooks": {"first": "first_step:FirstStep"}})
        Path(folder, "first_step.py").write_text(FIRST_STEP)
        contestants = {name: partial(spent, arguments, folder) for name, (arguments, *_) in SPENT.items()}
        measured = in_turns(contestants, effort.of(FIRST_STEPS), warm_up=effort.of(FIRST_STEPS) > 1)
    rows, goals = [], []
    for name, (_, base, most) in SPENT.items():
        row = [name, f"{statistics.median(measured[name]):.2f}", ""]
        if base is not None:
            more = median_difference(measured[name], measured[base])
            row[-1] = f"{more:+.2f}"
            goals.append(Goal(name, f"within {most} s of {base}", f"{row[-1]} s", more <= most))
        rows.append(row)
    note = f"Medians of {len(measured[name])} starts, in turns, one thread each; the base is the row above."
    return Findings([Table("Start-up of a run", ["until", "CPU s", "more than its base, s"], rows, note)], goals)


def of_commands(effort: Effort) -> Findings:
    """Milliseconds of the light commands."""
    with TemporaryDirectory() as folder:
        write_runs(Path(folder), RUNS)
        contestants: dict[str, Callable[[], float]] = {BARE: partial(spent, ["-c", "pass"], folder)}
        for command in COMMANDS:
            contestants[command] = partial(spent, ["-m", *command.split()], folder)
        measured = in_turns(contestants, effort.of(STARTS, least=2))
    rows, goals = [[BARE, milliseconds(statistics.median(measured[BARE]), digits=0), ""]], []
    for command, has_goal in COMMANDS.items():
        more = median_difference(measured[command], measured[BARE])
        shown = milliseconds(more, signed=True, digits=0)
        rows.append([command, milliseconds(statistics.median(measured[command]), digits=0), shown])
        if has_goal:
            goals.append(Goal(command, f"within {MOST * 1e3:.0f} ms of `{BARE}`", f"{shown} ms", more <= MOST))
    note = f"Medians of {len(measured[BARE])} starts, in turns. `semreg runs` lists {RUNS} runs."
    return Findings([Table("Start-up", ["command", "CPU ms", "more than bare, ms"], rows, note)], goals)


def spent(arguments: list[str], folder: str) -> float:
    """The seconds that an interpreter computes with these arguments, in this folder, with this checkout's semreg.

    It keeps bytecode, as users' interpreters do.
    """
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write_runs(folder: Path, count: int) -> None:
    """Folders of finished runs, as far as `semreg runs` reads them."""
    for number in range(count):
        run = folder / "runs" / f"vae_digits-{number:06x}"
        run.mkdir(parents=True)
        started = f"2025-01-02T03:04:{number % 60:02d}+00:00"
        record = {"name": "vae_digits", "seed": number, "started": started, "data": {"name": "digits"}}
        (run / "run.json").write_text(json.dumps(record))
        (run / "status.json").write_text(json.dumps({"state": "finished", "updated": started}))
