"""Forty trials that Optuna chooses, against the grid of forty and forty at random; and searches that are killed.

    pip install -e plugins/semreg-optuna
    python -m benchmarks.search --page benchmarks/search.md

*Best of 40*: recipes/vae_digits.toml, three epochs, by its error on validation images, over the learning rate (1e-5 to
1e-1), the weight of the KL divergence (0.01 to 1) and the batch size (16 to 256), all by ratios. The grid has 5 × 4 × 2
points. All trials have one seed. *Kills*: a search of eight trials, one after another, is killed at random moments, and
the same command goes on, until there were so many kills; its suggestions and figures are held against those of a search
that nobody disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import semreg
from benchmarks.measure import Findings, Goal, Table, run_topics
from semreg.tables.grid import Row
from semreg.tables.making import MadeTable
from semreg.tables.plots import over_seeds

METRIC = "reconstructions.mean_squared_error"
OVERRIDES = ["data.split.validation=0.2", "phases.main.epochs=3", 'without=["evaluate.samples"]']
KL = "phases.main.train.encoder.kl"
SPACE = {"optimizer.lr": "1e-5..1e-1:log", KL: "0.01..1.0:log", "data.batch_size": "16..256:log"}
POINTS = {"optimizer.lr": 5, KL: 4, "data.batch_size": 2}
TRIALS, KILLED_TRIALS = 40, 8


def best_of_40(folder: Path, arguments: argparse.Namespace) -> Findings:
    """The least error after so many trials, of a grid in its order and of searches."""
    grid = {key: f"{said}:{POINTS[key]}" for key, said in SPACE.items()}
    made = {"grid": sweep(folder, grid)}
    for sampler in ("tpe", "gp", "random"):
        made[f"optuna, {sampler}"] = sweep(folder, SPACE, search=f"optuna:sampler={sampler}", trials=TRIALS)
    rows = []
    for name, table in made.items():
        errors = [error_of(row) for row in table.grid.rows]
        best = min(table.grid.rows, key=error_of)
        rows.append([name, *(f"{min(errors[:count]):.5f}" for count in (10, 20, TRIALS)), best.description])
    chosen, by_hand = (min(map(error_of, made[name].grid.rows)) for name in ("optuna, tpe", "grid"))
    note = "The least mean squared error on validation images of the first so many trials; the grid's in its order."
    goal = Goal("Optuna's best of 40, tpe", f"the grid's, {by_hand:.5f}, or less", f"{chosen:.5f}", chosen <= by_hand)
    columns = ["trials by", "best of 10", "best of 20", f"best of {TRIALS}", "the best"]
    return Findings([Table("Best of 40", columns, rows, note)], [goal])


def sweep(folder: Path, vary: dict[str, str], **search: Any) -> MadeTable:
    """A sweep, or a search."""
    return semreg.sweep(
        "vae_digits", vary, metric=METRIC, overrides=OVERRIDES, out=folder / "runs", device="cpu", threads=1, **search
    )


def error_of(row: Row) -> float:
    """The error of a row; that of one that failed is infinite."""
    value = over_seeds(row, METRIC)
    return float("inf") if value is None else value.mean


def kills(folder: Path, arguments: argparse.Namespace) -> Findings:
    """What a search that is killed again and again comes to."""
    chance = random.Random(arguments.seed)
    quiet = folder / "quiet"
    begun = time.monotonic()
    if start(quiet).wait():
        raise SystemExit((quiet / "said").read_text()[-2000:])
    took = time.monotonic() - begun
    done, different, searches = 0, 0, 0
    while done < arguments.kills:
        killed = folder / f"killed{searches}"
        searches += 1
        while done < arguments.kills:
            process = start(killed)
            try:
                process.wait(chance.uniform(0.3, 1.0) * took)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                done += 1
        start(killed).wait()
        different += found_in(killed) != found_in(quiet)
    goals = [
        Goal("kills", str(arguments.kills), str(done), done >= arguments.kills),
        Goal("searches that were killed", "the suggestions and figures of a quiet one", f"{different} of {searches} "
             "differ", not different),
    ]  # fmt: skip
    rows = [["searches", str(searches)], ["kills", str(done)], ["that ended otherwise", str(different)]]
    return Findings([Table("Kills", ["what", "number"], rows, f"Searches of {KILLED_TRIALS} trials.")], goals)


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Begin a search in a folder."""
    folder.mkdir(exist_ok=True)
    vary = [word for key, said in SPACE.items() for word in ("--vary", f"{key}={said}")]
    overrides = [word for one in OVERRIDES for word in ("--set", one)]
    with (folder / "said").open("ab") as said:
        return subprocess.Popen(
            [
                sys.executable, "-m", "semreg", "sweep", "vae_digits", *vary, *overrides, "--metric", METRIC,
                "--search", "optuna", "--trials", str(KILLED_TRIALS), "--out", str(folder / "runs"), "--device", "cpu",
                "--threads", "1",
            ],
            stdout=subprocess.DEVNULL, stderr=said, env={**os.environ, "SEMREG_CACHE": str(folder / "cache")},
        )  # fmt: skip


def found_in(folder: Path) -> list[Any]:
    """The rows of a search, with their figures, in their order."""
    [file] = folder.glob("runs/tables/*/table.json")
    rows = json.loads(file.read_text())["rows"]
    return [(row["name"], [run["figures"] for run in row["runs"]]) for row in rows]


TOPICS = {"best of 40": best_of_40, "kills": kills}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=TOPICS, help="one topic; may be repeated")
    parser.add_argument("--kills", type=int, default=10, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of kills")
    parser.add_argument("--page", type=Path, help="where the page is written")
    parser.add_argument("--json", type=Path, help="where what is found is kept, beside other topics that are there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="semreg-search-") as name:
        os.environ["SEMREG_CACHE"] = str(Path(name) / "cache")
        title = f"# Searches\n\n{__doc__}"
        run_topics(
            arguments.only or TOPICS, lambda topic: TOPICS[topic](Path(name), arguments), title,
            page=arguments.page, kept_in=arguments.json,
        )  # fmt: skip


if __name__ == "__main__":
    main()
