"""Start pairs of the same `semreg table` at the same time, and see whether they make what one of them makes alone.

    nice -n 10 python -m benchmarks.together --pairs 10 --seed 0 --page benchmarks/together.md

Both commands of a pair make one small grid, two recipes by two seeds, in one folder, the second up to a second after
the first. Both must end with exit code 0 and see the same table's data at their ends, each run must be trained once,
and weights, metrics, evaluations, the table's data and the files there are must be those of a table that was made
alone, by `python -m semreg` in a process of its own.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure import conditions
from benchmarks.subjects import TABLE, differing, done_apart, import_everything, log_of, start
from semreg.tables.pages import DATA
from semreg.training.trainer import Trainer
from tests.running.faults import outcome

LONGEST_OFFSET = 1.0
TRAINED = "trained"
"""A log of what was trained, beside the folder of a pair."""


def record_trainings() -> None:
    """Have every process that is started from here write down what it trains, beside its folder."""
    train = Trainer.train

    @functools.wraps(train)
    def recorded(self: Trainer) -> None:
        folder = Path(os.environ["SEMREG_CACHE"]).parent
        with beside(folder, TRAINED).open("a") as file:
            file.write(f"{self.setting.plan.name}:{self.setting.seed}\n")
        train(self)

    Trainer.train = recorded  # type: ignore[method-assign]


def beside(folder: Path, name: str) -> Path:
    return folder.with_name(f"{folder.name}.{name}")


def pair(folder: Path, offset: float) -> list[int]:
    """Make the table twice at a time; how each command ended. Each keeps the data that it sees at its end."""
    folder.mkdir()

    def seen(number: int) -> None:
        [data] = folder.glob(f"runs/tables/*/{DATA}")
        shutil.copy(data, beside(folder, str(number)))

    first = start(TABLE, folder, lambda: seen(1))
    time.sleep(offset)
    second = start(TABLE, folder, lambda: seen(2))
    return [os.waitpid(process, 0)[1] for process in (first, second)]


def findings(folder: Path, ends: list[int], expected: Mapping[str, Any], trained: Counter[str]) -> list[str]:
    """What of a pair is otherwise than it should be."""
    if any(ends):
        return [f"exit codes {[os.waitstatus_to_exitcode(status) for status in ends]}; see {log_of(folder)}"]
    found = []
    if beside(folder, "1").read_bytes() != beside(folder, "2").read_bytes():
        found.append("the data that each saw")
    if (times := trainings(folder)) != trained:
        found.append(f"what was trained: {dict(times)}")
    try:
        found += differing(outcome(folder), expected)
    except AssertionError as error:
        found.append(str(error))
    return found


def trainings(folder: Path) -> Counter[str]:
    return Counter(beside(folder, TRAINED).read_text().split())


def together(folder: Path, pairs: int, seed: int) -> int:
    """Start so many pairs; how many of them differed."""
    expected = done_apart(TABLE, folder / "apart")
    record_trainings()
    took = import_everything(TABLE, folder / "alone")
    alone = trainings(folder / "alone")
    if set(alone.values()) != {1} or differing(outcome(folder / "alone"), expected):
        raise SystemExit(f"a table alone trained {dict(alone)}, or differs from one in a process of its own")
    print(f"{TABLE.name} of {len(alone)} runs, alone in {took:.1f} s", flush=True)
    draws, differed = random.Random(seed), 0
    for number in range(1, pairs + 1):
        offset = draws.uniform(0, LONGEST_OFFSET)
        ends = pair(folder / f"{number:03d}", offset)
        found = findings(folder / f"{number:03d}", ends, expected, alone)
        differed += bool(found)
        said = f"differs in {', '.join(found)}" if found else "the same bits, each run trained once"
        print(f"{number:3d}  {offset:.2f} s apart: {said}", flush=True)
    return differed


def page(pairs: int, seed: int, differed: int, conditions: str) -> str:
    """The page of what was found."""
    command = f"python -m benchmarks.together --pairs {pairs} --seed {seed}"
    return "\n".join([
        "# Tables at the same time", "",
        f"`{command}` started pairs of one `semreg table`, 2 recipes × 2 seeds, in one",
        f"folder, the second up to {LONGEST_OFFSET:.0f} s after the first ({conditions}):",
        f"{pairs} pairs, {differed} differed from a table made alone in exit code, in what was trained and how often,",
        "in weights, metrics, evaluations or the table's data, or in which files there are.", "",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=10, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the time between the two")
    parser.add_argument("--page", type=Path, help="where the page is written")
    arguments = parser.parse_args()
    folder, told = Path(tempfile.mkdtemp(prefix="semreg-together-")), conditions()
    differed = together(folder, arguments.pairs, arguments.seed)
    if arguments.page:
        arguments.page.write_text(page(arguments.pairs, arguments.seed, differed, told))
    print(f"{arguments.pairs} pairs, {differed} differed{f'; see {folder}' if differed else ''}")
    if not differed:
        shutil.rmtree(folder)
    sys.exit(1 if differed else 0)


if __name__ == "__main__":
    main()
