"""What 10⁹ images and 10⁵ trials take, from what few of each take: `python -m benchmarks.scale` writes scale.md.

Each line does a thing with a few images or trials, in a process of its own, and multiplies: seconds are those of one
CPU core (not of the clock, so that other work on the machine counts little), bytes are what the process's memory grew
by, or what lies on the disk. *Coordinator* multiplies nothing: an executor that trains nothing has 64 slots, each trial
ends after it was asked for a few times, and all 10⁵ are brought to their end by the coordinator of `semreg table --on`;
made-up runs are written into folders, and the table is left out. `--trials` chooses another number of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import os
import random
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

import semreg
from benchmarks.grids import MadeUp, resident
from benchmarks.measure import ROOT, Table, conditions
from semreg.core import Needs
from semreg.data.files import list_folder
from semreg.data.images import read_image
from semreg.data.samplers import shuffled, shuffled_shards
from semreg.data.shards import shard_rows
from semreg.data.splits import random_order
from semreg.recipe.load import load_recipe
from semreg.running.choices import Choices
from semreg.running.start import place_of, plan_for
from semreg.store.collection import Selection, collection
from semreg.store.disk import size_of
from semreg.store.leases import is_held
from semreg.store.record import by_hash, known_runs
from semreg.tables.cells import read_cell
from semreg.tables.executors import coordinator as coordinating
from semreg.tables.executors.coordinator import Coordinator, Work
from semreg.tables.grid import Grid, Row
from semreg.tables.pages import PAGE as TABLE_PAGE
from semreg.tables.pages import write_table

FORK = multiprocessing.get_context("fork")
IMAGES, TRIALS = 10**9, 10**5
SIZE, CHANNELS = 64, 3
ROWS, FILES, JPEGS, RUNS = 8_000_000, 20_000, 200, 500
"""Of how many of each a share is measured."""
GRIDS = (100, 400, 1_600)
SLOTS, MOST_LOOKS = 64, 3
OVERRIDES = ["phases.main.epochs=2", 'without=["evaluate.samples"]']


def measured(work: Callable[[], object]) -> tuple[float, int]:
    """The seconds of a core that a call takes in a process of its own, and by how many bytes that grows at most."""
    receiving, sending = FORK.Pipe(duplex=False)

    def child() -> None:
        before, began = resident(), time.process_time()
        kept = work()
        took, after = time.process_time() - began, _most_resident()
        sending.send((took, max(0, after - before)))
        del kept

    process = FORK.Process(target=child)
    process.start()
    process.join()
    found: tuple[float, int] = receiving.recv()
    return found


def _most_resident() -> int:
    """The most bytes of memory that this process had; a fork begins anew."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def line(name: str, work: Callable[[], object], count: int, of: int, *, keeps: bool = True) -> list[str]:
    """A line of a table: what `count` take, and what `of` would; bytes are of memory, unless nothing is kept."""
    took, grown = measured(work)
    memory = [f"{grown / count:,.0f}", amount(grown / count * of)] if keeps else ["", ""]
    return [name, f"{took / count * 1e6:,.2f}", duration(took / count * of), *memory]


def duration(seconds: float) -> str:
    """Seconds, in the unit that suits them."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.1f} seconds"


def amount(size: float) -> str:
    """Bytes, in the unit that suits them."""
    for unit, one in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= one:
            return f"{size / one:,.1f} {unit}"
    return f"{size / 1e3:,.1f} kB"


COLUMNS = ["what", "µs each", "seconds of all", "bytes each", "bytes of all"]


# --- images ---


def images(folder: Path) -> list[Table]:
    """What lies on the disk by arithmetic, and what a share of the images takes."""
    rows = shard_rows((IMAGES, CHANNELS, SIZE, SIZE))
    shards = -(-IMAGES // rows)
    pixels = CHANNELS * SIZE**2
    lying = [
        ["pixels, decoded once", f"{pixels:,}", amount(pixels * IMAGES)],
        ["a field of classes, int64, on the disk and in memory", "8", amount(8 * IMAGES)],
        ["splits, uint8, on the disk and in memory", "1", amount(IMAGES)],
        ["the rows of a split, int64, in memory", "8", amount(8 * IMAGES)],
        [f"names of files of 16 letters, in memory ({np.dtype('<U16').itemsize} bytes)", "64", amount(64 * IMAGES)],
        [f"files of shards, of {rows:,} images", f"{pixels:,}", f"{shards:,} files, as many maps"],
        ["digests in cache.json, one for 64 images", "1.1", amount(70 / 64 * IMAGES)],
    ]
    made = folder / "listed"
    for k in range(FILES):
        if k % 1000 == 0:
            (made / f"{k:05d}").mkdir(parents=True)
        (made / f"{k - k % 1000:05d}" / f"{k:012d}.jpg").touch()
    jpeg = folder / "one.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((SIZE, SIZE)).save(jpeg, quality=90)
    ids = torch.arange(ROWS) // rows

    def by_shards() -> object:
        return shuffled_shards(count=ROWS, batch_size=96, shards=ids)

    of_images = [
        line("listing files of image_folder", lambda: list_folder(made), FILES, IMAGES),
        line("decoding JPEGs of 64×64", lambda: [read_image(jpeg, size=SIZE, channels=3) for _ in range(JPEGS)],
             JPEGS, IMAGES, keeps=False),
        line("drawing a split", lambda: random_order(ROWS), ROWS, IMAGES),
        line("an epoch's order, shuffled", lambda: shuffled(count=ROWS, batch_size=96), ROWS, IMAGES),
        line("an epoch's order, shuffled_shards", by_shards, ROWS, IMAGES),
    ]  # fmt: skip
    return [
        Table("Images, by arithmetic", ["what", "bytes each", "of 10⁹"], lying, f"{SIZE}×{SIZE}, {CHANNELS} channels."),
        Table("Images, measured", COLUMNS, of_images, f"Of {ROWS:,} rows, {FILES:,} files and {JPEGS} decoded images."),
    ]


# --- trials ---


def trials(folder: Path, run: Path) -> list[Table]:
    """What a share of the runs takes on the disk, to be planned, read and shown."""
    kinds: Counter[str] = Counter()
    for path in run.rglob("*"):
        kinds[path.relative_to(run).parts[0]] += size_of(path) if path.is_file() else 0
    inodes = 1 + sum(1 for _ in run.rglob("*"))
    lying = [[name, f"{size:,}", amount(size * TRIALS)] for name, size in kinds.most_common(6)]
    lying.append(["all, each file in whole blocks of 4 kB", f"{_blocks(run):,}", amount(_blocks(run) * TRIALS)])
    lying.append(["files and folders", f"{inodes}", f"{inodes * TRIALS:,}"])

    many = folder / "many"
    record = json.loads((run / "run.json").read_text())
    for k in range(RUNS):
        made = many / f"madeup-{k:06d}"
        made.mkdir(parents=True)
        (made / "run.json").write_text(json.dumps(record | {"hash": f"{k:064x}", "seed": k + 10**6}, indent=1))
        for name in ("status.json", "metrics.jsonl", "recipe.json"):
            shutil.copy(run / name, made)
    choices = Choices(device="cpu", out=many)
    plan, _ = plan_for(load_recipe("vae_digits", OVERRIDES), choices)
    known = by_hash(known_runs(many))
    seeds = [dataclasses.replace(choices, seed=seed) for seed in range(RUNS)]
    cell = read_cell(run, "vae_digits", 0, _evaluations(run))
    measures = [
        line("a row is planned: recipe and networks",
             lambda: [plan_for(load_recipe("vae_digits", [*OVERRIDES, f"optimizer.lr={k}e-4"]), choices)
                      for k in range(1, 31)], 30, TRIALS),
        line("a trial is planned: its identity and place", lambda: [place_of(plan, one, known) for one in seeds],
             RUNS, TRIALS),
        line("records are read: `semreg run`, a grid's start", lambda: known_runs(many), RUNS, TRIALS),
        line("`semreg runs`", lambda: collection(many, Selection()), RUNS, TRIALS),
        line("a finished trial is read", lambda: [read_cell(run, "vae_digits", 0, _evaluations(run))
                                                  for _ in range(RUNS)], RUNS, TRIALS),
        line("whether a trial is in other hands", lambda: [is_held(run / ".lock") or is_held(run / "trials" / "x.lock")
                                                           for _ in range(RUNS)], RUNS, TRIALS),
    ]  # fmt: skip
    tables = [
        Table("Runs, on the disk", ["what", "bytes each", "of 10⁵"], lying, "`vae_digits`, 2 epochs, one evaluation."),
        Table("Trials, measured", COLUMNS, measures, f"Of {RUNS} trials, and 30 rows."),
    ]
    pages = []
    for rows in GRIDS:
        made = folder / f"table{rows}"
        cells = Row("vae_digits", "", (cell,), plan.table)
        grid = Grid("madeup", tuple(dataclasses.replace(cells, name=f"row{k}") for k in range(rows)))
        took, grown = measured(lambda grid=grid, made=made: write_table(grid, made))  # type: ignore[misc]
        size = (made / TABLE_PAGE).stat().st_size
        pages.append([f"{rows:,} rows", f"{took:.2f}", f"{took / rows * 1e3:.2f}", amount(size), amount(grown)])
    tables.append(Table("Tables", ["of", "seconds", "ms a row", "the page", "memory"], pages, "A finished run each."))
    return tables


def _evaluations(run: Path) -> dict[str, str]:
    return {path.name.rpartition("-")[0]: path.name for path in (run / "evaluations").iterdir()}


def _blocks(run: Path) -> int:
    return sum(os.lstat(path).st_blocks * 512 for path in (run, *run.rglob("*")))


# --- the coordinator ---


class Simulated:
    """An executor whose jobs end after they were asked for a few times, and leave a run in the trial's folder."""

    def __init__(self) -> None:
        self.slots, self.needs, self.draws = SLOTS, Needs(1), random.Random(0)

    def submit(self, arguments: Sequence[str], needs: Needs) -> Any:
        """A job that trains nothing."""
        folder, left = Path(arguments[0]), iter(range(self.draws.randint(1, MOST_LOOKS)))

        def state() -> str:
            if next(left, None) is not None:
                return "running"
            (folder / "run.json").write_text("{}")
            return "ended"

        return argparse.Namespace(state=state, cancel=lambda: None)


def coordinator(folder: Path, count: int) -> list[Table]:
    """All trials are brought to their end."""
    coordinating.write_trial = lambda trial, needs: ([str(trial.folder)], needs)
    coordinating.say = lambda text: None
    (folder / "simulated").mkdir()
    ended: list[object] = []
    before = resident()
    work = [Work(MadeUp(folder / "simulated" / f"{k}"), ended.append, "") for k in range(count)]
    simulated, held = Coordinator(Simulated(), work), resident() - before
    polls: list[float] = []
    began = time.process_time()
    while simulated.waiting or simulated.running:
        at = time.process_time()
        simulated.collect()
        simulated.look()
        simulated.seen  # noqa: B018  which is drawn on a terminal
        polls.append(time.process_time() - at)
    took = time.process_time() - began
    rows = [
        ["trials that ended", f"{len(ended):,}"],
        ["seconds of a core, in all", f"{took:.1f}"],
        ["ms a trial: begun, asked for, read", f"{took / count * 1e3:.2f}"],
        ["ms a poll, in which about half of the slots end, the median", f"{statistics.median(polls) * 1e3:.1f}"],
        ["ms a poll, the longest", f"{max(polls) * 1e3:.1f}"],
        ["bytes of memory for each trial that waits", f"{held / count:,.0f}"],
        ["memory at the end", amount(resident() - before)],
    ]
    return [Table("Coordinator", ["what", "found"], rows, f"{count:,} trials, {SLOTS} slots.")]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=TRIALS, help="of the simulation")
    parser.add_argument("--page", type=Path, default=ROOT / "benchmarks" / "scale.md", help="where the page is written")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    machine = conditions()
    with TemporaryDirectory(prefix="semreg-scale-") as name:
        folder = Path(name)
        os.environ["SEMREG_CACHE"] = str(folder / "cache")
        run = semreg.run("vae_digits", overrides=OVERRIDES, out=folder / "runs", device="cpu").folder
        tables = [*images(folder), *trials(folder, run), *coordinator(folder, arguments.trials)]
    parts = [
        f"# Scale\n\n{(__doc__ or '').strip()}\n",
        f"Measured on: {machine}.\n",
        *(one.markdown() for one in tables),
    ]
    text = "\n".join(parts)
    arguments.page.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
