"""Small data sets made by the tests themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semreg.core import AttributesField, ClassField, ImageField, Source, Specification, UserError, VectorField


@dataclass
class Reader:
    """Images whose every pixel is the image's index (modulo 256); those in `bad` can't be read."""

    size: int = 4
    bad: tuple[int, ...] = ()

    def __call__(self, indices: Sequence[int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
        for index in indices:
            if index in self.bad:
                raise UserError(f"image{index}.png", "can't be read")
        values = np.array(list(indices), dtype=np.int64) % 256
        return np.broadcast_to(values.astype(np.uint8)[:, None, None, None], (len(values), 3, self.size, self.size))


@dataclass
class Toy:
    """A data set with one field of each kind; `asked` counts how often its source was read."""

    count: int = 200
    seed: int = 0
    reader: Any = field(default_factory=Reader)
    asked: int = 0

    def specification(self) -> Specification:
        return {
            "image": ImageField(3, 4, 4),
            "digit": ClassField(tuple("0123456789"), "ring"),
            "attributes": AttributesField(("even", "never")),
            "angle": VectorField(2),
        }

    def locate(self) -> None:
        pass

    def source(self) -> Source:
        self.asked += 1
        index = np.arange(self.count)
        return Source(
            labels={
                "digit": (index % 10).astype(np.int64),
                "attributes": np.stack([index % 2 == 0, index < 0], axis=1).astype(np.uint8),
                "angle": np.stack([index, -index], axis=1).astype(np.float32),
            },
            split=np.where(index % 5 == 4, 2, 0).astype(np.uint8),
            images=self.reader,
            identity={"count": self.count, "seed": self.seed},
        )


def folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def toy_with() -> type[Toy]:
    return Toy


@pytest.fixture
def reader_with() -> type[Reader]:
    return Reader


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the user's cache."""
    monkeypatch.setenv("SEMREG_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def draw() -> Any:
    """Writes an image of one colour, or of random pixels."""

    def write(path: Path, size: tuple[int, int] = (20, 20), colour: tuple[int, int, int] | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        image = Image.fromarray(pixels) if colour is None else Image.new("RGB", size, colour)
        image.save(path)
        return path

    return write
