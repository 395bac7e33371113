"""MNIST, in torchvision's layout."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from annotated_types import Interval

from semreg.data.files import Stamp, missing, stamp
from semreg.data.images import ImageArray
from semreg.data.source import TEST, TRAIN, Source
from semreg.data.specification import ClassField, ImageField, Specification
from semreg.errors import UserError

PARTS = {"train": TRAIN, "t10k": TEST}


class MNIST:
    """70,000 handwritten digits, 28×28, grey (LeCun, Cortes & Burges), 10,000 of them for testing.

    Read from `MNIST/raw` under the data root: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
    `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, as they are or with `.gz`. With `download`, torchvision fetches
    them if they are not there.

    Fields: `image` `(1, size, size)`, resized bilinearly if `size` is not 28; `digit`, ten classes in a ring.
    """

    def __init__(
        self, *, root: Path = Path("data"), size: Annotated[int, Interval(ge=1, le=1024)] = 28, download: bool = False
    ) -> None:
        self.root = root
        self.size = size
        self.download = download

    def specification(self) -> Specification:
        """`image` and `digit`."""
        names = tuple(str(digit) for digit in range(10))
        return {"image": ImageField(1, self.size, self.size), "digit": ClassField(names, order="ring")}

    def locate(self) -> None:
        """Raises DataMissing unless all four files are there; downloads them if asked to."""
        names = [f"{part}-{kind}-ubyte" for part in PARTS for kind in ("images-idx3", "labels-idx1")]
        if self.download and not all(self._file(name) for name in names):
            self._download()
        absent = [f"MNIST/raw/{name}" for name in names if not self._file(name)]
        if absent:
            advice = "Set download = true under [data], or put the four files of MNIST there, as they are or with .gz."
            raise missing("MNIST", self.root, absent, advice)

    def source(self) -> Source:
        """Reads the four files."""
        images, digits, split = [], [], []
        identity: dict[str, Stamp] = {}
        for part, value in PARTS.items():
            images.append(self._read(f"{part}-images-idx3-ubyte", 3, identity))
            digits.append(self._read(f"{part}-labels-idx1-ubyte", 1, identity))
            split.append(np.full(len(digits[-1]), value, dtype=np.uint8))
            if len(images[-1]) != len(digits[-1]):
                message = f"{part} has {len(images[-1])} images and {len(digits[-1])} labels"
                raise UserError(str(self.root / "MNIST" / "raw"), message)
        return Source(
            labels={"digit": np.concatenate(digits).astype(np.int64)},
            split=np.concatenate(split),
            images=ImageArray(np.concatenate(images)[:, None], (self.size, self.size)),
            identity={"size": self.size, "files": identity},
        )

    def _file(self, name: str) -> Path | None:
        raw = self.root / "MNIST" / "raw"
        return next((path for path in (raw / name, raw / f"{name}.gz") if path.is_file()), None)

    def _read(self, name: str, dimensions: int, identity: dict[str, Stamp]) -> npt.NDArray[np.uint8]:
        """An array in the idx format: two zeros, type (8: uint8) and number of dimensions, their sizes, the data."""
        path = self._file(name)
        if path is None:
            raise UserError(str(self.root), f"MNIST/raw/{name} is not there")
        identity[path.name] = stamp(path)
        try:
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(str(path), f"can't be read: {error}") from None
        start = 4 + 4 * dimensions
        shape = [int.from_bytes(data[at : at + 4], "big") for at in range(4, start, 4)]
        if data[:4] != bytes((0, 0, 8, dimensions)) or len(data) != start + math.prod(shape):
            raise UserError(str(path), f"not an idx file of {dimensions} dimensions, or cut short ({len(data)} bytes)")
        return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)

    def _download(self) -> None:
        from torchvision import datasets

        try:
            datasets.MNIST(str(self.root), download=True)
        except (OSError, RuntimeError) as error:
            raise UserError(str(self.root), f"MNIST could not be downloaded: {error}") from error
