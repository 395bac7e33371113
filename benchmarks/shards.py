"""Batches of sets that are larger than memory or disk: `python -m benchmarks.shards` prints and writes shards.md.

From shards: 64×64 colour images in files of 256 MB, memory-mapped, against the same in one tensor in memory. From JPEG
files of two sizes: cropped, resized to 64×64 and decoded when they are read by two processes, against PyTorch's
DataLoader with two workers, with the same decoder and with torchvision's transforms as commonly written. Memory: an
autoencoder is trained and evaluated on a small set and on one of which the cache holds a tenth, each in a process of
its own, whose anonymous memory (Linux's RssAnon) and that of the processes it starts are sampled; the caches are built
before.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import CenterCrop, Compose, Resize, ToTensor

import semreg
from benchmarks.batches import SIZE, Colours, Files, ours, smooth
from benchmarks.measure import (
    FULL,
    QUICK,
    ROOT,
    Effort,
    Findings,
    Goal,
    Table,
    goals_table,
    in_turns,
    machine,
    median_ratio,
    seconds,
)
from semreg.core import TRAIN, ClassField, ImageField, Source, Specification, registry
from semreg.data import shards
from semreg.data.batches import AHEAD
from semreg.data.cache import cached
from semreg.data.images import ImageFiles, read_image
from semreg.data.samplers import shuffled_shards
from semreg.data.splits import drawn_split

PAGE = ROOT / "benchmarks" / "shards.md"
BATCH, WORKERS = 96, 2
SHARDS, DIFFERENT = 4, 4_096
"""How many shards are read, and of how many different images."""
FILES, JPEGS = 3_072, ((64, 64), (218, 178))
FROM_SHARDS, FROM_FILES, MEMORY = 0.8, 1.2, 1.3
SMALL, LARGE = 20_000, 220_000
RECIPE = """
seed = 1
[data]
use = "repeated"
batch_size = 96
sampler = "shuffled_shards"
[model]
input = "image"
code = ["z"]
output = "copy"
[modules.encoder]
use = "mlp_encoder"
outputs = 8
hidden = [64]
[modules.decoder]
use = "mlp_decoder"
hidden = [64]
channels = "@image.channels"
size = "@image.size"
[tensors]
z = "encoder(image)"
copy = "decoder(z)"
[losses.rec]
use = "l2(copy, image)"
[optimizer]
lr = 1e-3
[phases.main]
epochs = 1
[phases.main.train]
encoder = { rec = 1 }
decoder = { rec = 1 }
[evaluate.rec]
use = "reconstructions(image, copy)"
[evaluate.probe]
use = "linear_probe(z, kind)"
"""


@dataclass
class JpegFiles:
    """JPEG files, cropped and resized to 64×64, decoded when they are read."""

    paths: list[Path]

    def specification(self) -> Specification:
        """`image` alone."""
        return {"image": ImageField(3, SIZE, SIZE)}

    def locate(self) -> None:
        """Never missing."""

    def source(self) -> Source:
        """The files, all of the training split."""
        names = np.array([path.name for path in self.paths])
        reader = ImageFiles(str(self.paths[0].parent), names, SIZE, 3, decode="on_read")
        return Source({}, np.full(len(names), TRAIN, dtype=np.uint8), reader, {"benchmark": str(self.paths[0])})


class Repeated:
    """`count` images of 64×64 in bitmaps, of which there are a few, in two classes."""

    def __init__(self, *, root: Path, count: int = SMALL) -> None:
        self.folder, self.count = root, count

    def specification(self) -> Specification:
        """`image` and `kind`."""
        return {"image": ImageField(3, SIZE, SIZE), "kind": ClassField(("a", "b"))}

    def locate(self) -> None:
        """Never missing."""

    def source(self) -> Source:
        """The files, time and again."""
        files = np.array(sorted(path.name for path in self.folder.glob("*.bmp")))
        number = np.arange(self.count)
        kinds = number % 2
        reader = ImageFiles(str(self.folder), files[number % len(files)], SIZE, 3)
        return Source({"kind": kinds}, drawn_split(self.count, classes=kinds), reader, {"count": self.count})


class Decoded(Dataset[Tensor]):
    """Image files by semreg's decoder, one by one."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(read_image(self.paths[index], size=SIZE, channels=3)).float().div_(255)


def theirs(dataset: Dataset[Any]) -> Callable[[], float]:
    """Images a second of a DataLoader's."""
    loader = DataLoader(dataset, BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True, drop_last=True)

    def run() -> None:
        for _ in loader:
            pass

    return lambda: len(loader) * BATCH / seconds(run)


def compared(title: str, contestants: dict[str, Callable[[], float]], images: int, rounds: int) -> Table:
    """Images a second, of so many in a round, and how many times the first's they are; and so for processors' time."""
    spent: dict[str, list[float]] = {name: [] for name in contestants}

    def counted(name: str) -> float:
        before = _spent()
        speed = contestants[name]()
        spent[name].append((_spent() - before) / images)
        return speed

    measured = in_turns({name: partial(counted, name) for name in contestants}, rounds)
    base, *_ = contestants
    rows = []
    for name, speeds in measured.items():
        own, others = spent[name][1:], spent[base][1:]  # without the first round, which warms up
        rows.append(
            [name, f"{statistics.median(speeds):,.0f}", f"{median_ratio(speeds, measured[base]):.2f}",
             f"{1e6 * statistics.median(own):.1f}", f"{median_ratio(others, own):.2f}"]
        )  # fmt: skip
    columns = ["batches", "images/s", f"times those of: {base}", "processors' µs an image", "times fewer"]
    note = "Medians, in turns. What else the machine does changes images a second much, processors' time little."
    return Table(title, columns, rows, note)


def _spent() -> float:
    """Seconds that processors were at work for this process and for those that it started, at whatever depth."""
    return time.process_time() + _spent_by_children(os.getpid())


def _spent_by_children(pid: int) -> float:
    spent = 0.0
    try:
        for child in {child for task in _tasks(pid) for child in (task / "children").read_text().split()}:
            own = sum(int((task / "schedstat").read_text().split()[0]) for task in _tasks(int(child)))
            spent += own / 1e9 + _spent_by_children(int(child))
    except OSError:  # one has ended meanwhile
        pass
    return spent


def _tasks(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())


def from_shards(effort: Effort, folder: Path) -> Findings:
    """Batches from shards and from memory."""
    count = round(effort.share * SHARDS * shards.shard_rows((1, 3, SIZE, SIZE)))
    few = smooth(min(DIFFERENT, count), SIZE, SIZE).transpose(0, 3, 1, 2)
    pixels = np.ascontiguousarray(few[np.arange(count) % len(few)])
    stored = cached(Colours(pixels), folder=folder, progress=False)
    in_memory = replace(stored, arrays={"image": torch.from_numpy(pixels)}, images=None)
    by_shards: dict[str, Any] = {"sampler": shuffled_shards, "sampler_shards": True}
    contestants = {
        "in memory, all rows shuffled": ours(in_memory, BATCH, count // 2),
        "from shards, a window of four shuffled": ours(stored, BATCH, count // 2, **by_shards),
        "from shards, all rows shuffled": ours(stored, BATCH, count // 2),
    }
    found = compared("From shards", contestants, count // 2, effort.rounds)
    goals = [_goal(f"shards: {row[0]}, against in memory", FROM_SHARDS, float(row[2])) for row in found.rows[1:2]]
    return Findings([found], goals)


def from_files(effort: Effort, folder: Path) -> Findings:
    """Batches of JPEG files that are decoded when they are read."""
    tables, goals = [], []
    for height, width in JPEGS:
        paths = jpegs(folder / f"{height}", effort.of(FILES, least=2 * BATCH), height, width)
        data = cached(JpegFiles(paths), folder=folder / "cache", progress=False, workers=WORKERS)
        size = f"files of {height}×{width}"
        same, mine = f"DataLoader of the same decoder, {size}", f"semreg, decoded on reading, {size}"
        transforms = Compose([CenterCrop(min(height, width)), Resize(SIZE), ToTensor()])
        with ThreadPoolExecutor(AHEAD) as reader:
            contestants = {
                same: theirs(Decoded(paths)),
                f"DataLoader of torchvision's transforms, {size}": theirs(Files(paths, transforms)),
                mine: ours(data, BATCH, len(paths), reader=reader),
            }
            rounds = max(1, effort.rounds // 5)
            tables.append(compared(f"From JPEG {size}, two workers", contestants, len(paths), rounds))
        times = next(float(row[2]) for row in tables[-1].rows if row[0] == mine)
        goals.append(_goal(f"{mine}, against a {same}", FROM_FILES, times))
    return Findings(tables, goals)


def jpegs(folder: Path, count: int, height: int, width: int) -> list[Path]:
    """JPEG files of a size."""
    folder.mkdir()
    paths = [folder / f"{number:06d}.jpg" for number in range(count)]
    for path, pixels in zip(paths, smooth(count, height, width), strict=True):
        Image.fromarray(pixels).save(path, quality=90)
    return paths


def _goal(what: str, least: float, times: float) -> Goal:
    return Goal(what, f"at least {least} times", f"{times:.2f}", times >= least)


# --- memory ---


def train(folder: Path, count: int) -> None:
    """Train and evaluate on a set of so many images; what a process of its own does."""
    torch.set_num_threads(1)
    registry.register("dataset", "repeated", Repeated)
    changes = [f"data.count={count}"]
    semreg.run(folder / "recipe.toml", overrides=changes, data_root=folder, out=folder / "runs", device="cpu")


def build(folder: Path, count: int) -> None:
    """Build the cache of that set."""
    cached(Repeated(root=folder, count=count), progress=False)


def _anonymous(pid: int) -> tuple[int, int]:
    """Bytes of anonymous memory of a process, and of those that it started, at whatever depth."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0, 0
    own = next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")), 0)
    return own, sum(sum(_anonymous(int(child))) for child in children)


def peak(work: str, environment: dict[str, str]) -> tuple[int, int, float]:
    """The largest anonymous memory of a process that does this work, that with its children's, and its seconds."""
    began = time.perf_counter()
    code = f"from pathlib import Path; from benchmarks import shards; shards.{work}"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    alone, together = 0, 0
    while process.poll() is None:
        own, others = _anonymous(process.pid)
        alone, together = max(alone, own), max(together, own + others)
        time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"{work} ended with {process.returncode}")
    return alone, together, time.perf_counter() - began


def memory(effort: Effort, folder: Path) -> Findings:
    """The memory that training and evaluation take of a small set, and of one of which a tenth is kept."""
    for number, pixels in enumerate(smooth(64, SIZE, SIZE)):
        Image.fromarray(pixels).save(folder / f"{number}.bmp")
    (folder / "recipe.toml").write_text(RECIPE)
    sizes = {"small": SMALL, "large": effort.of(LARGE)} if effort.share == 1 else {"small": 400, "large": 800}
    rows, peaks = [], {}
    for name, count in sizes.items():
        decoded = count * 3 * SIZE * SIZE
        limit = decoded if name == "small" or decoded // 10 < shards.SHARD_BYTES else decoded // 10
        own = {"SEMREG_CACHE": str(folder / "cache"), "SEMREG_CACHE_LIMIT": str(limit), "SEMREG_WORKERS": str(WORKERS)}
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | own | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        peak(f"build(Path({str(folder)!r}), {count})", environment)
        alone, together, took = peak(f"train(Path({str(folder)!r}), {count})", environment)
        peaks[name] = alone, together
        rows.append(
            [f"{name}, {count:,} images", f"{decoded / 1e6:,.0f}", f"{limit / 1e6:,.0f}", f"{alone / 1e6:,.0f}",
             f"{together / 1e6:,.0f}", f"{took:.0f}"]
        )  # fmt: skip
    columns = ["set", "decoded, MB", "limit, MB", "anonymous, MB", "with its processes, MB", "seconds"]
    goals = []
    for place, what in enumerate(("of the training process", "with the processes that decode")):
        times = peaks["large"][place] / peaks["small"][place]
        wanted = f"at most {MEMORY} times a small set's"
        goals.append(Goal(f"memory: anonymous, {what}", wanted, f"{times:.2f}", times <= MEMORY))
    note = (
        "The largest that was seen, sampled every 20 ms, from the start of the process to its end. Evaluations take as "
        "many images as they do by default, and keep what they read within a sixteenth of the machine's memory."
    )
    return Findings([Table("Memory", columns, rows, note)], goals)


TOPICS: dict[str, Callable[[Effort, Path], Findings]] = {"shards": from_shards, "files": from_files, "memory": memory}


def measured(topics: Sequence[str], effort: Effort) -> Iterator[Findings]:
    """What the topics find, one after the other."""
    for topic in topics:
        with TemporaryDirectory() as temporary:
            yield TOPICS[topic](effort, Path(temporary))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shards", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"of {', '.join(TOPICS)}; all if left out")
    parser.add_argument("--quick", action="store_true", help="measure next to nothing")
    parser.add_argument("--out", type=Path, help="where to write; by default benchmarks/shards.md if all is measured")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.topics) - set(TOPICS):
        parser.error(f"no such topic: {', '.join(sorted(unknown))}; expected one of: {', '.join(TOPICS)}")
    torch.set_num_threads(1)
    facts = machine()
    found = list(measured(chosen.topics or list(TOPICS), QUICK if chosen.quick else FULL))
    told = (__doc__ or "").partition("\n\n")[2].strip()
    head = ["# Shards", "", "`python -m benchmarks.shards`", "", *(f"- {fact}" for fact in facts), "", told, ""]
    tables = [goals_table(goal for one in found for goal in one.goals), *(one for each in found for one in each.tables)]
    text = "\n".join([*head, *(one.markdown() for one in tables)])
    print(text)
    out = chosen.out or (PAGE if not (chosen.topics or chosen.quick) else None)
    if out is not None:
        out.write_text(text)


if __name__ == "__main__":
    main()
