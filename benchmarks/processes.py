"""Compare two processes of one thread with one process of two threads, by the images a second of a run.

    python -m benchmarks.processes [--recipe atnl_mnist] [--rounds 5] [--epochs 4]

Start-up and the first epoch are left out. Data are the recipe's fallback; nothing is evaluated.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.families import NO_DATA
from benchmarks.measure import conditions, in_turns, median_ratio

BATCH = 256


def pace(recipe: str, epochs: int, processes: int, threads: int) -> float:
    """Images a second of a run: the median of its records after the first epoch."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    changes = ['without=["evaluate"]', f"phases.main.epochs={epochs}", f"data.batch_size={BATCH}"]
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(
            [
                sys.executable, *(launcher if processes > 1 else []), "-m", "semreg", "run", recipe, "--device", "cpu",
                "--out", out, "--data-root", NO_DATA, *(word for change in changes for word in ("--set", change)),
            ],
            env=os.environ | {"OMP_NUM_THREADS": str(threads)}, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        [folder] = Path(out).iterdir()
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return statistics.median(line["images_per_second"] for line in lines if line["epoch"] > 1)


def main() -> None:
    """Measure in turns, and print the ratio."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--recipe", default="atnl_mnist")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--epochs", type=int, default=4)
    given = options.parse_args()
    measured = in_turns(
        {
            "two processes of one thread": partial(pace, given.recipe, given.epochs, 2, 1),
            "one process of two threads": partial(pace, given.recipe, given.epochs, 1, 2),
        },
        given.rounds,
        warm_up=False,
    )
    for name, values in measured.items():
        print(f"{name}: {statistics.median(values):,.0f} images/s")
    print(f"ratio {median_ratio(*measured.values()):.2f}, at least 0.9 wanted ({given.recipe}; {conditions()})")


if __name__ == "__main__":
    main()
