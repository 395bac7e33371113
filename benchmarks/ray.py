"""Grids on a Ray cluster: what a trial costs beside `semreg run`, and kills of workers, nodes and coordinators.

    python -m benchmarks.ray --json benchmarks/ray.json --page benchmarks/ray.md

`semreg-ray` must be installed. The cluster is one of this machine, of nodes with a CPU each, by Ray's own
`cluster_utils`. *Cost*: the same small run as a command and as a trial of an executor that has made one before, in
turns; on a machine that is quiet, for Ray's workers have a low priority (`RAY_worker_niceness`, 15). *Kills*: a grid of
four trials is killed at random moments (its coordinator, a process that trains, the worker of Ray that has begun one,
or a node with all its processes, in whose place another comes) until there were so many kills; each time the same
command goes on. Weights and figures are held against those of a grid that nobody disturbed.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.grids import done, outcome, start, workers
from benchmarks.measure import Findings, Goal, Table, in_turns, median_difference, run_topics, seconds
from semreg.core import Needs

GRID, EPOCHS = 4, 20
MOST_SECONDS = 1.5
WHAT = ("coordinator", "process that trains", "worker of Ray", "node")


class Nodes:
    """A cluster of this machine: a head, and another node that can be killed."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.other = self.cluster.add_node(num_cpus=1)

    @property
    def on(self) -> str:
        """What stands behind `--on`."""
        return f"ray:{self.cluster.address}"

    def kill(self) -> None:
        """Kill the other node; a new one takes its place."""
        self.cluster.remove_node(self.other, allow_graceful=False)
        self.other = self.cluster.add_node(num_cpus=1)

    def end(self) -> None:
        """Leave the cluster and end it."""
        import ray

        ray.shutdown()
        self.cluster.shutdown()


def cost(folder: Path, nodes: Nodes, arguments: argparse.Namespace) -> Findings:
    """What a trial costs, once another was made."""
    from semreg_ray import Ray

    os.environ["SEMREG_CACHE"] = str(folder / "cache")
    executor, seeds = Ray(nodes.cluster.address), iter(range(1_000))

    def run() -> list[str]:
        seed = next(seeds)
        plain = ["run", "vae_digits", "--seed", str(seed), "--threads", "1", "--device", "cpu"]
        return [*plain, "--set", "phases.main.epochs=1", "--out", str(folder / "runs")]

    def as_command() -> None:
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([sys.executable, "-m", "semreg", *run()], check=True, **quiet)

    def as_trial() -> None:
        job = executor.submit(run(), Needs(threads=1, log=folder / "said"))
        while job.state() != "ended":
            time.sleep(0.05)

    took: dict[str, Callable[[], float]] = {
        "semreg run": lambda: seconds(as_command), "a trial of --on ray": lambda: seconds(as_trial)
    }  # fmt: skip
    measured = in_turns(took, arguments.turns)
    alone, trial = measured.values()
    more = median_difference(trial, alone)
    rows = [[name, f"{statistics.median(values):.2f}"] for name, values in measured.items()]
    goal = Goal("a trial beyond `semreg run`", f"at most {MOST_SECONDS} s", f"{more:+.2f} s", more <= MOST_SECONDS)
    note = f"Medians of {arguments.turns} runs each of recipes/vae_digits.toml, an epoch, and of their differences."
    return Findings([Table("Cost of a trial", ["way", "seconds"], rows, note)], [goal])


def kills(folder: Path, nodes: Nodes, arguments: argparse.Namespace) -> Findings:
    """Kill whatever takes part, at random moments."""
    draws, whole = random.Random(arguments.seed), folder / "whole"
    grid = (GRID, EPOCHS, "--on", nodes.on, "--threads", "1")
    lasts = seconds(lambda: done(whole, *grid))
    expected, killed = outcome(whole), Counter(dict.fromkeys(WHAT, 0))
    differed = grids = 0
    while killed.total() < arguments.kills and time.monotonic() < arguments.end:
        place = folder / f"{grids:03d}"
        place.mkdir()
        shutil.copytree(whole / "cache", place / "cache")
        process = start(place, *grid)
        while True:
            moment, what = time.monotonic() + draws.uniform(0, lasts / 2), draws.choice(WHAT)
            while process.poll() is None and (time.monotonic() < moment or not (what == WHAT[0] or workers(place))):
                time.sleep(0.01)
            if process.poll() == 0:
                break
            if process.poll() is not None:
                print((place / "said").read_text()[-1000:], flush=True)
                process = start(place, *grid)  # a trial that was killed too often in a row has failed
            elif killed.total() >= arguments.kills or time.monotonic() > arguments.end:
                process.wait()
            elif kill(what, process, place, nodes, draws):
                killed[what] += 1
                if what == WHAT[0]:
                    process.wait()
                    process = start(place, *grid)
        differs = outcome(place) != expected
        differed += differs
        grids += 1
        print(f"{dict(killed)} in {grids} grids, {differed} differed", flush=True)
        if not differs:
            shutil.rmtree(place)
    rows = [[name, str(count)] for name, count in killed.items()]
    note = f"Of {grids} grids of {GRID} trials on two nodes; {differed} ended with other weights or figures."
    number = killed.total()
    goals = [
        Goal("kills", f"{arguments.kills}", f"{number}", number >= arguments.kills),
        Goal(
            "grids that were killed", "a quiet one's weights and figures", f"{differed} of {grids} differ", not differed
        ),
    ]
    return Findings([Table("Kills", ["killed", "times"], rows, note)], goals)


def kill(what: str, process: subprocess.Popen[bytes], place: Path, nodes: Nodes, draws: random.Random) -> bool:
    """Kill something, unless it has ended meanwhile; whether it was there."""
    if what == "coordinator":
        process.kill()
        return True
    if what == "node":
        nodes.kill()
        return True
    found = workers(place)
    if what == "worker of Ray":
        found = [number for number in map(parent_of, found) if is_a_worker(number)]
    if found:
        os.kill(draws.choice(found), signal.SIGKILL)
    return bool(found)


def parent_of(process: int) -> int:
    """The number of the process that has begun another; 0 where that has ended."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def is_a_worker(process: int) -> bool:
    """Whether a process calls itself as workers of Ray do."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"ray::")
    except OSError:
        return False


TOPICS: dict[str, Callable[[Path, Nodes, argparse.Namespace], Findings]] = {"cost": cost, "kills": kills}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=TOPICS, help="one topic; may be repeated")
    parser.add_argument("--kills", type=int, default=30, help="how many")
    parser.add_argument("--turns", type=int, default=7, help="how often a run is made each way")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of kills")
    parser.add_argument("--minutes", type=float, default=60, help="after which nothing more is killed")
    parser.add_argument("--page", type=Path, help="where the page is written")
    parser.add_argument("--json", type=Path, help="where what is found is kept, beside other topics that are there")
    arguments = parser.parse_args()
    arguments.end = time.monotonic() + 60 * arguments.minutes
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    folder, nodes = Path(tempfile.mkdtemp(prefix="semreg-ray-")), Nodes()
    title = f"# Grids on a Ray cluster\n\n{__doc__}"
    met = run_topics(
        arguments.only or TOPICS, lambda name: TOPICS[name](folder, nodes, arguments), title,
        page=arguments.page, kept_in=arguments.json,
    )  # fmt: skip
    nodes.end()
    if met:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
