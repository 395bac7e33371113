"""How many 64×64 colour images a second become batches of normalised float32.

semreg slices its cache of uint8 images, memory-mapped or in memory. Against it PyTorch's DataLoader, as it is commonly
written: image files decoded by Pillow and converted by torchvision's ToTensor one by one (PNG files of 64×64, and JPEG
files of 178×218 as CelebA has, cropped and resized), and tensors in memory that are already normalised, put together
by the default collate. Workers are started before the clock.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import CenterCrop, Compose, Resize, ToTensor

from benchmarks.measure import Effort, Findings, Goal, Table, in_turns, seconds
from semreg.core import TRAIN, ImageField, Source, Specification
from semreg.data.batches import Batches
from semreg.data.cache import cached
from semreg.data.dataset import Cached
from semreg.data.images import ImageArray

SIZE = 64
IMAGES = 12_288
FILES = 1_536
BATCH_SIZES = (32, 96, 256)
LOADER_BATCH = 96
LEAST = 200_000
TIMES = 100


@dataclass
class Colours:
    """A data set of random colour images, smooth enough to compress as photographs do."""

    pixels: np.ndarray[Any, Any]

    def specification(self) -> Specification:
        """`image` alone."""
        return {"image": ImageField(3, SIZE, SIZE)}

    def locate(self) -> None:
        """Never missing."""

    def source(self) -> Source:
        """The images, all of the training split."""
        count = len(self.pixels)
        split = np.full(count, TRAIN, dtype=np.uint8)
        return Source({}, split, ImageArray(self.pixels, (SIZE, SIZE)), {"benchmark": count})


class Files(Dataset[Tensor]):
    """Image files, decoded and converted one by one."""

    def __init__(self, paths: list[Path], transform: Callable[[Image.Image], Tensor]) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB"))


def smooth(count: int, height: int, width: int) -> np.ndarray[Any, Any]:
    """uint8 `(count, height, width, 3)`: coarse random colours, smoothly between, and a little noise."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 8, 8, generator=generator)
    images = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    images += 0.02 * torch.randn(images.shape, generator=generator)
    return images.clamp(0, 1).mul(255).byte().permute(0, 2, 3, 1).contiguous().numpy()


def write_files(folder: Path, count: int) -> tuple[list[Path], list[Path]]:
    """PNG files of 64×64, and JPEG files of 178×218."""
    folder.mkdir()
    written: dict[str, list[Path]] = {"png": [], "jpg": []}
    for suffix, (height, width) in (("png", (SIZE, SIZE)), ("jpg", (218, 178))):
        for number, pixels in enumerate(smooth(count, height, width)):
            path = folder / f"{number:06d}.{suffix}"
            Image.fromarray(pixels).save(path, quality=90)
            written[suffix].append(path)
    return written["png"], written["jpg"]


def ours(data: Cached, batch_size: int, images: int, **how: Any) -> Callable[[], float]:
    """Images a second of semreg's batches, made `how` else they may be."""
    batches = Batches(data, data.rows("train"), batch_size, seed=0, key=("benchmark",), **how)
    count, done = max(2, images // batch_size), 0

    def run() -> None:
        nonlocal done
        for number in range(done, done + count):
            batches.batch(number)
        done += count

    return lambda: count * batch_size / seconds(run)


def theirs(dataset: Dataset[Any], workers: int, images: int) -> Callable[[], float]:
    """Images a second of a DataLoader's."""
    loader = DataLoader(dataset, LOADER_BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)

    def run() -> None:
        for _ in loader:
            pass

    return lambda: images / seconds(run)


def measure(effort: Effort) -> Findings:
    """Images a second, and how many times a decoding DataLoader's they are."""
    images, files = effort.of(IMAGES, least=256), effort.of(FILES, least=2)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pixels = np.ascontiguousarray(smooth(images, SIZE, SIZE).transpose(0, 3, 1, 2))
        mapped = cached(Colours(pixels), folder=folder / "cache", progress=False)
        in_memory = replace(mapped, arrays={name: array.clone() for name, array in mapped.arrays.items()})
        png, jpg = write_files(folder / "files", files)
        floats = TensorDataset(torch.from_numpy(pixels).float() / 255)
        cropped = Compose([CenterCrop(178), Resize(SIZE), ToTensor()])
        contestants: dict[str, Callable[[], float]] = {}
        for place, data in (("in memory", in_memory), ("memory-mapped", mapped)):
            for size in BATCH_SIZES:
                contestants[f"semreg, {place}, batches of {size}"] = ours(data, size, 2 * images)
        decoding = {}
        for workers in (0, 2):
            loaders: Mapping[str, tuple[Dataset[Any], int]] = {
                "64×64 PNG files": (Files(png, ToTensor()), files),
                "178×218 JPEG files, cropped and resized": (Files(jpg, cropped), files),
                "tensors in memory": (floats, images),
            }
            for name, (dataset, count) in loaders.items():
                shown = f"DataLoader, {name}, {workers} workers"
                contestants[shown] = theirs(dataset, workers, count)
                if "files" in name:
                    decoding[shown] = contestants[shown]
        measured = in_turns(contestants, max(1, effort.rounds // 3))
    speeds = {name: statistics.median(values) for name, values in measured.items()}
    slowest = min(speed for name, speed in speeds.items() if name.startswith("semreg"))
    base = f"semreg, memory-mapped, batches of {LOADER_BATCH}"
    rows = [[name, f"{speed:,.0f}", f"{speeds[base] / speed:.1f}"] for name, speed in speeds.items()]
    goals = [
        Goal("batches: the slowest of semreg's", f"at least {LEAST:,} images/s", f"{slowest:,.0f}", slowest >= LEAST)
    ]
    for name in decoding:
        times = speeds[base] / speeds[name]
        goals.append(
            Goal(f"batches: memory-mapped against {name}", f"at least {TIMES} times", f"{times:.0f}", times >= TIMES)
        )
    columns = ["batches", "images/s", f"semreg's ({base.removeprefix('semreg, ')}) are … times as many"]
    note = f"{' '.join((__doc__ or '').split())} Batches of {LOADER_BATCH} from the DataLoader. Medians, in turns."
    return Findings([Table("Batches", columns, rows, note)], goals)
