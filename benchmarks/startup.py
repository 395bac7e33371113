"""How long the light commands take from start to end, against the start of a bare interpreter."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import ROOT, Effort, Findings, Goal, Table, in_turns, median_difference, milliseconds, seconds

BARE = "python -c pass"
STARTS = 30
RUNS = 20
MOST = 0.150
COMMANDS = {"semreg --help": True, "semreg list": True, "semreg runs": True, "semreg list losses": False,
            "semreg list --help": False, "semreg run --help": False}  # fmt: skip


def measure(effort: Effort) -> Findings:
    """Milliseconds from start to end."""
    with TemporaryDirectory() as folder:
        write_runs(Path(folder), RUNS)
        contestants: dict[str, Callable[[], float]] = {BARE: partial(started, ["-c", "pass"], folder)}
        for command in COMMANDS:
            contestants[command] = partial(started, ["-m", *command.split()], folder)
        measured = in_turns(contestants, effort.of(STARTS, least=2))
    rows, goals = [[BARE, milliseconds(statistics.median(measured[BARE]), digits=0), ""]], []
    for command, has_goal in COMMANDS.items():
        more = median_difference(measured[command], measured[BARE])
        shown = milliseconds(more, signed=True, digits=0)
        rows.append([command, milliseconds(statistics.median(measured[command]), digits=0), shown])
        if has_goal:
            goals.append(Goal(command, f"within {MOST * 1e3:.0f} ms of `{BARE}`", f"{shown} ms", more <= MOST))
    note = f"Medians of {len(measured[BARE])} starts, in turns. `semreg runs` lists {RUNS} runs."
    return Findings([Table("Start-up", ["command", "ms", "more than bare, ms"], rows, note)], goals)


def started(arguments: list[str], folder: str) -> float:
    """The seconds that an interpreter takes with these arguments, in this folder, with this checkout's semreg."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, *arguments]
    return seconds(lambda: subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True))


def write_runs(folder: Path, count: int) -> None:
    """Folders of finished runs, as far as `semreg runs` reads them."""
    for number in range(count):
        run = folder / "runs" / f"vae_digits-{number:06x}"
        run.mkdir(parents=True)
        started = f"2025-01-02T03:04:{number % 60:02d}+00:00"
        record = {"name": "vae_digits", "seed": number, "started": started, "data": {"name": "digits"}}
        (run / "run.json").write_text(json.dumps(record))
        (run / "status.json").write_text(json.dumps({"state": "finished", "updated": started}))
