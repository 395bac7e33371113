"""Grids that an executor makes: their pace, kills of coordinators and workers, and the cost of looking at many trials.

    python -m benchmarks.grids --json benchmarks/grids.json --page benchmarks/grids.md

*Pace*: three commands make the same eight small trials: one after another with the default number of threads, one after
another with one thread, and two at once with one thread each; from start to end of the command. *Kills*: a grid of four
trials is killed at random moments, its coordinator or a process that trains, and the same command goes on, until there
were so many kills; weights and figures are held against those of a grid that nobody disturbed, and what was finished
must be touched no more. *Polls*: a coordinator looks at its trials while 1,000 of them end, eight between two looks,
and then again and again at one that is left; copying the finished runs, and writing the table, are left out. `--only
pace` (may be repeated) measures one; `--json` keeps all that was found, for the page.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import multiprocessing
import os
import random
import resource
import runpy
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Findings, Goal, Table, run_topics, seconds
from semreg.core import Needs
from semreg.store.collection import stored_figures
from semreg.store.record import known_runs
from semreg.tables.executors.coordinator import Coordinator, Work
from semreg.tables.executors.local import PRELOADED
from semreg.testing.executors import processes_at_work

FORK = multiprocessing.get_context("fork")
TRIALS, THREADS = 8, 2
GRID = 4
MANY = 1_000
MOST_SECONDS, MOST_GROWTH = 0.05, 2**20


def command(folder: Path, seeds: int, epochs: int, *more: str) -> list[str]:
    """The command of a grid of small trials."""
    return [
        sys.executable, "-m", "semreg", "table", "vae_digits", "--seeds", str(seeds), "--device", "cpu",
        "--set", f"phases.main.epochs={epochs}", "--set", 'without=["evaluate.samples"]',
        "--out", str(folder / "runs"), *more,
    ]  # fmt: skip


def start(folder: Path, *arguments: Any) -> subprocess.Popen[bytes]:
    """Begin a grid in a folder."""
    environment = {**os.environ, "SEMREG_CACHE": str(folder / "cache")}
    environment.pop("OMP_NUM_THREADS", None)
    with (folder / "said").open("ab") as said:
        return subprocess.Popen(command(folder, *arguments), stdout=subprocess.DEVNULL, stderr=said, env=environment)


def done(folder: Path, *arguments: Any) -> None:
    """Make a grid to its end."""
    folder.mkdir(exist_ok=True)
    if start(folder, *arguments).wait():
        raise SystemExit((folder / "said").read_text()[-2000:])


def pace(folder: Path, arguments: argparse.Namespace) -> Findings:
    """How fast two processes of one thread are, against one after another."""
    ways = {
        f"one after another, {THREADS} threads": ("--threads", str(THREADS)),
        "one after another, 1 thread": ("--threads", "1"),
        "two at once, a thread each": ("--on", "local:2", "--threads", "1"),
    }
    took = {
        name: seconds(lambda number=number, way=way: done(folder / f"pace{number}", TRIALS, arguments.epochs, *way))
        for number, (name, way) in enumerate(ways.items())
    }
    two, one, local = took.values()
    wanted, found = 0.9 * min(2, 2 * two / one), two / local
    rows = [[name, f"{value:.1f}", f"{two / value:.2f}"] for name, value in took.items()]
    note = f"{TRIALS} trials of recipes/vae_digits.toml, {arguments.epochs} epochs each."
    goal = Goal("pace of local:2", f"at least {wanted:.2f} × one after another", f"{found:.2f}", found >= wanted)
    return Findings([Table("Pace", ["way", "seconds", "times as fast"], rows, note)], [goal])


# --- kills ---


def forked(folder: Path, *arguments: Any) -> Any:
    """Begin a grid in a folder, in a fork of this process, which has imported what takes most of a command's time."""
    process = FORK.Process(target=_grid, args=(folder, arguments))
    process.start()
    return process


def _grid(folder: Path, arguments: Sequence[Any]) -> None:
    os.setsid()
    os.environ["SEMREG_CACHE"] = str(folder / "cache")
    said = os.open(folder / "said", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number in (1, 2):
        os.dup2(said, number)
    sys.argv = ["semreg", *command(folder, *arguments)[3:]]
    runpy.run_module("semreg", run_name="__main__")


def outcome(folder: Path) -> dict[str, Any]:
    """The weights and figures of all runs, by their folders' names."""
    found = {}
    for run in known_runs(folder / "runs"):
        weights = sorted(run.folder.glob("checkpoints/*/tensors.safetensors"))
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in weights]
        found[run.folder.name] = (run.state, digests, stored_figures(run.folder))
    return found


def logs(folder: Path) -> dict[Path, int]:
    """How much was said in the trials that are finished."""
    finished = [run.folder for run in known_runs(folder / "runs") if run.current_state() == "finished"]
    return {
        log: log.stat().st_size for run in finished for log in run.glob("trials/*.log") if not processes_at_work(run)
    }


def workers(folder: Path) -> list[int]:
    """The processes that train in a folder."""
    return [number for run in known_runs(folder / "runs") for number in processes_at_work(run.folder)]


def kills(folder: Path, arguments: argparse.Namespace) -> Findings:
    """Kill coordinators and workers at random moments."""
    draws, whole = random.Random(arguments.seed), folder / "whole"
    grid = (GRID, min(20, arguments.epochs), "--on", "local:2", "--threads", "1")
    for name in (*PRELOADED, "semreg.tables.making"):
        importlib.import_module(name)
    whole.mkdir()
    lasts = seconds(lambda: forked(whole, *grid).join())
    expected, killed = outcome(whole), {"coordinator": 0, "worker": 0}
    differed = again = grids = 0
    while sum(killed.values()) < arguments.kills and time.monotonic() < arguments.end:
        place, kept = folder / f"{grids:03d}", dict[Path, int]()
        place.mkdir()
        shutil.copytree(whole / "cache", place / "cache")
        process = forked(place, *grid)
        while True:
            moment, worker = time.monotonic() + draws.uniform(0, lasts / 2), draws.random() < 0.5
            while process.is_alive() and (time.monotonic() < moment or (worker and not workers(place))):
                time.sleep(0.01)
            kept |= logs(place)
            if not process.is_alive():
                if process.exitcode == 0:
                    break
                process = forked(place, *grid)  # a trial that was killed too often in a row has failed
                continue
            if sum(killed.values()) >= arguments.kills or time.monotonic() > arguments.end:
                process.join()
                continue
            if worker and (found := workers(place)):
                os.kill(draws.choice(found), signal.SIGKILL)
                killed["worker"] += 1
            else:
                process.kill()
                process.join()
                killed["coordinator"] += 1
                process = forked(place, *grid)
        touched = [log for log, size in kept.items() if log.stat().st_size != size]
        again += len(touched)
        differs = outcome(place) != expected
        differed += differs
        grids += 1
        print(f"{sum(killed.values())} kills in {grids} grids, {differed} differed, {again} trained again", flush=True)
        if not (differs or touched):
            shutil.rmtree(place)
    rows = [[name, str(count)] for name, count in killed.items()]
    note = f"Of {grids} grids of {GRID} trials, by local:2; {differed} ended with other weights or figures."
    goals = [
        Goal(
            "kills",
            f"{arguments.kills}",
            f"{sum(killed.values())} in {arguments.minutes:g} minutes at most",
            sum(killed.values()) >= arguments.kills,
        ),
        Goal(
            "grids that were killed",
            "the weights and figures of a quiet one",
            f"{differed} of {grids} differ",
            not differed,
        ),
        Goal("trials that were finished", "none is trained again", f"{again}", not again),
    ]
    return Findings([Table("Kills", ["killed", "times"], rows, note)], goals)


# --- polls ---


class MadeUp:
    """A trial that is done when its folder holds a run."""

    recipe: Any = None
    choices: Any = None
    command, seed = "", 0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan: Any = argparse.Namespace(name="madeup")

    @property
    def to_do(self) -> bool:
        """Whether there is no run, or it is the one that is never done."""
        return self.folder.name == "last" or not (self.folder / "run.json").exists()

    def read(self) -> Any:
        """A cell like that of a run that is finished."""
        from semreg.tables.cells import read_cell

        return read_cell(self.folder, "vae_digits", 0, {})


class Quick:
    """An executor that copies a finished run; that of the last trial never ends."""

    needs, slots = Needs(1), 8

    def __init__(self, finished: Path) -> None:
        self.finished = finished

    def submit(self, arguments: Sequence[str], needs: Needs) -> Any:
        """A job that has ended."""
        folder, last = Path(arguments[0]), arguments[0].endswith("last")
        if not last:
            shutil.copytree(
                self.finished, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoints", "*.png")
            )
        return argparse.Namespace(state=lambda: "running" if last else "ended", cancel=lambda: None)


def polls(folder: Path, arguments: argparse.Namespace) -> Findings:
    """How long a coordinator looks at its trials, and whether its memory grows."""
    import semreg.tables.executors.coordinator as coordinating

    done(folder / "one", 1, 1)
    (finished,) = (run.folder for run in known_runs(folder / "one" / "runs"))
    coordinating.write_trial = lambda trial, needs: ([str(trial.folder)], needs)
    coordinating.say = lambda text: None
    trials = [MadeUp(folder / "many" / f"{k}") for k in range(MANY)]
    trials.append(MadeUp(folder / "many" / "last"))
    executor = Quick(finished)
    copying, submit = [0.0], executor.submit

    def timed(*given: Any) -> Any:
        begun = time.perf_counter()
        job = submit(*given)
        copying[0] += time.perf_counter() - begun
        return job

    executor.submit = timed  # type: ignore[method-assign]
    coordinator = Coordinator(executor, [Work(trial, lambda cell: None, "") for trial in trials])
    while_many, least = [], resident()
    while coordinator.left > 1:
        copying[0] = 0.0
        while_many.append(seconds(lambda: (coordinator.collect(), coordinator.look())) - copying[0])
    coordinator.look()
    before = resident()
    ended = before - least
    after = [seconds(lambda: (coordinator.collect(), coordinator.look())) for _ in range(MANY)]
    grown = resident() - before
    rows = [
        [name, f"{statistics.median(values) * 1e3:.2f}", f"{max(values) * 1e3:.2f}"]
        for name, values in (("while they end", while_many), ("when they have ended", after))
    ]
    at_most, flat = f"at most {MOST_SECONDS * 1e3:.0f} ms", f"flat, within {MOST_GROWTH / 2**20:g} MB"
    goals = [
        Goal(
            f"a poll, {MANY:,} trials ended, the longest",
            at_most,
            f"{max(after) * 1e3:.2f} ms",
            max(after) <= MOST_SECONDS,
        ),
        Goal(
            "a poll while they end, the median",
            at_most,
            f"{statistics.median(while_many) * 1e3:.1f} ms",
            statistics.median(while_many) <= MOST_SECONDS,
        ),
        Goal(f"memory while {MANY:,} trials end", flat, f"{ended / 2**20:+.2f} MB", ended <= MOST_GROWTH),
        Goal(f"memory over {MANY:,} polls more", flat, f"{grown / 2**20:+.2f} MB", grown <= MOST_GROWTH),
    ]
    note = f"{MANY:,} trials, and one that is under way."
    return Findings([Table("Polls", ["poll", "median, ms", "longest, ms"], rows, note)], goals)


def resident() -> int:
    """The bytes of memory of this process."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


TOPICS: dict[str, Callable[[Path, argparse.Namespace], Findings]] = {"pace": pace, "polls": polls, "kills": kills}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=TOPICS, help="one topic; may be repeated")
    parser.add_argument("--kills", type=int, default=50, help="how many")
    parser.add_argument("--epochs", type=int, default=640, help="of a trial; twenty at most where it is killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of kills")
    parser.add_argument("--minutes", type=float, default=60, help="after which nothing more is killed")
    parser.add_argument("--page", type=Path, help="where the page is written")
    parser.add_argument("--json", type=Path, help="where what is found is kept, beside other topics that are there")
    arguments = parser.parse_args()
    arguments.end = time.monotonic() + 60 * arguments.minutes
    folder = Path(tempfile.mkdtemp(prefix="semreg-grids-"))
    title = f"# Grids\n\n{__doc__}"
    if run_topics(
        arguments.only or TOPICS, lambda name: TOPICS[name](folder, arguments), title,
        page=arguments.page, kept_in=arguments.json,
    ):  # fmt: skip
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
