"""Spoilt data through `semreg check` and `semreg run`: exit code 0 or 2, no traceback, bounded, no code run.

    python -m benchmarks.data_inputs --count 2000 --seed 0

makes small data sets of each layout, spoils their files, tables, archives and images by a seed, and checks a recipe
that reads them; on a fifth it trains, too. The commands are forked from a process that has imported everything.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# One thread: a forked process has no other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.faulty_plugins import import_everything
from benchmarks.forked import Ended, forked
from benchmarks.searching import Search, asked
from benchmarks.spoiling import Spoiler
from tests.damages import ANIMALS, ARCHIVE, CELEBA, CLASSES, COUNT, FACES, MNIST, archive, make

HANGING = 60.0
"""Seconds after which a command, of less than a second, is taken for one that would never end."""
MEMORY = 2**30
"""Bytes that a command may have more than the one that reads sound data."""
LONGEST = 8_000
"""Letters that all messages of a command may have."""
RECIPE = """
[data]
{data}
batch_size = 2

[modules.encoder]
use = "mlp_encoder"
outputs = 2
hidden = []
[modules.decoder]
use = "mlp_decoder"
hidden = []
channels = "@image.channels"
size = {size}

[tensors]
z = "encoder(image)"
reconstruction = "decoder(z)"

[losses.rec]
use = "l2(reconstruction, image)"

[phases.main]
epochs = 1
train = {{ encoder = {{ rec = 1 }}, decoder = {{ rec = 1 }} }}
"""


def factors(root: Path) -> None:
    """Masks, with their factors in the columns of one array."""
    masks = np.random.default_rng(0).integers(0, 2, (COUNT, 6, 6), dtype=np.uint8)
    archive(root, images=masks, latents=np.stack([np.arange(COUNT) % n for n in (1, 3, 4)], 1))


def people(root: Path) -> None:
    """A table with a split, classes in an order, attributes, and a column of no use."""
    make(root, FACES)
    words = ["none", "mild", "severe"]
    rows = [
        f"{k}.png,{['train', 'train', 'test'][k % 3]},{words[k % 3]},{k % 2},{(k + 1) % 2},{k}" for k in range(COUNT)
    ]
    (root / "faces/labels.csv").write_text("\n".join(["file,split,how,Bald,Bangs,note", *rows, ""]))


def parts(root: Path) -> None:
    """An archive with arrays for each split."""
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 6, 6, 3), dtype=np.uint8)
    named = {f"x_{name}": images for name in ("train", "test")}
    np.savez(root / "set.npz", **named, y_train=np.arange(COUNT) % 3, y_test=np.arange(COUNT) % 3)


LAYOUTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "faces": (FACES, lambda root: make(root, FACES)),
    "classes": (CLASSES, lambda root: make(root, CLASSES)),
    "people": (
        f'{FACES}\nclasses = ["how"]\norders = {{ how = ["none", "mild", "severe"] }}\ndrop = ["note"]\n'
        'exclusive = [["Bald", "Bangs"]]\nsplit = { validation = 0.5 }',
        people,
    ),
    "grey": (f'{FACES}\ngrey = true\nwhite = 65535\nbackground = "black"', lambda root: make(root, FACES)),
    "animals": (ANIMALS, lambda root: make(root, ANIMALS)),
    "archive": (ARCHIVE, lambda root: make(root, ARCHIVE)),
    "archive of one size": (f"{ARCHIVE}\nsize = 5", lambda root: make(root, ARCHIVE)),
    "factors": ('use = "npz"\npath = "set.npz"\nwhite = 1\nclasses = { shape = "latents[:, 1]" }', factors),
    "parts": ('use = "npz"\npath = "set.npz"\nimages = "x_*"\nclasses = { label = "y_*" }', parts),
    "mnist": (MNIST, lambda root: make(root, MNIST)),
    "celeba": (CELEBA, lambda root: make(root, CELEBA)),
}
"""Data by name: what a recipe says of them, and what makes them."""


class Ground:
    """A folder in which data sets are made, spoilt and read, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sentinel = folder, folder / "code_was_run"
        self.largest = 0
        import_everything(folder)
        sound = [self.command(self.made(layout), "run") for layout in LAYOUTS]
        if any(ended.code for ended in sound):
            raise SystemExit(next(ended.errors for ended in sound if ended.code))
        self.largest = max(ended.largest for ended in sound)

    def made(self, layout: str) -> Path:
        """A folder with a recipe, and sound data below `root`."""
        trial = self.folder / "trial"
        _removed(trial)
        (trial / "root").mkdir(parents=True)
        (trial / "outside").mkdir()
        data, make_data = LAYOUTS[layout]
        make_data(trial / "root")
        (trial / "recipe.toml").write_text(RECIPE.format(data=data, size='"@image.size"'))
        return trial

    def command(self, trial: Path, name: str) -> Ended:
        """What a command says of the data."""
        root = ["--data-root", "root", *(["--out", "runs", "--device", "cpu"] if name == "run" else [])]

        def prepare() -> None:
            os.environ["SEMREG_CACHE"] = str(trial / "cache")

        return forked(trial, [name, "recipe.toml", *root], prepare, HANGING)

    def spoilt(self, layout: str, seed: str) -> Iterator[tuple[str, Ended, list[str]]]:
        """Spoil the data of a layout by a seed: each command on them, how it ended, and what should not have been."""
        trial, chance = self.made(layout), random.Random(seed)
        Spoiler(trial / "root", chance, self.sentinel).spoil()
        for name in ["check", "run"] if chance.random() < 0.2 else ["check"]:
            ended = self.command(trial, name)
            yield name, ended, list(self.failures(name, ended, trial))

    def failures(self, name: str, ended: Ended, trial: Path) -> Iterator[str]:
        """What should not have happened."""
        said = ended.output + ended.errors
        if ended.code not in (0, 2):
            hung = ended.seconds > HANGING
            yield f"it hung for {ended.seconds:.0f} s" if hung else f"exit code {ended.code}"
        if "Traceback" in said:
            yield "a traceback"
        if len(said) > LONGEST:
            yield f"{len(said)} letters of messages"
        if ended.code == 2 and not any(word in ended.errors for word in ("root", "recipe.toml")):
            yield "it was refused, and nothing is named"
        if ended.largest > self.largest + MEMORY > MEMORY:
            yield f"{ended.largest / 2**30:.1f} GiB of memory"
        if name == "run" and ended.code == 0 and not list(trial.glob("runs/*/report.html")):
            yield "it is trained, and there is no report"
        if name == "run" and ended.code == 2 and list(trial.glob("runs/*")):
            yield "it was refused, and a run is left"
        if self.sentinel.exists():
            self.sentinel.unlink()
            yield "something was unpickled"


def _removed(folder: Path) -> None:
    for path in folder.rglob("*") if folder.exists() else ():
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    wanted = asked(__doc__, 2000, "data sets")
    numbers = range(wanted.part, wanted.count, wanted.parts)
    search = Search(len(numbers), every=200)
    with tempfile.TemporaryDirectory(prefix="semreg-data-", ignore_cleanup_errors=True) as folder:
        ground = Ground(Path(folder))
        for number in numbers:
            layout = list(LAYOUTS)[number % len(LAYOUTS)]
            seed = f"{wanted.seed}:{layout}:{number}"
            for name, ended, found in ground.spoilt(layout, seed):
                said = [*found, ended.errors[-1500:]] if found else []
                search.command(f"{seed} {name}", f"{ended.code} of {name}", ended.seconds, said)
            search.case_done()
        _removed(Path(folder))
    search.end("spoilt data sets", "slowest command")


if __name__ == "__main__":
    main()
