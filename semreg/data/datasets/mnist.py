"""MNIST, in torchvision's layout."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from annotated_types import Interval

from semreg.core import TEST, TRAIN, ClassField, ImageField, Source, Specification, UserError
from semreg.data.datasets.conventions import field_name, said
from semreg.data.files import Stamp, missing, stamp
from semreg.data.images import ImageArray
from semreg.data.pixels import Filter

MOST_PACKED = 1032
"""The most bytes that gzip packs into one."""

PARTS = {"train": TRAIN, "t10k": TEST}


class MNIST:
    """70,000 handwritten digits, 28×28, grey (LeCun, Cortes & Burges 1998), 10,000 of them for testing.

    Read from `MNIST/raw` under the data root: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
    `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, plain or with `.gz`. With `download`, torchvision fetches
    missing files.

    Fields: `image` `(1, size, size)`, resized by the `filter` if `size` is not 28; the ten classes, in a ring, under
    the name `label`.
    """

    def __init__(
        self,
        *,
        root: Path = Path("data"),
        size: Annotated[int, Interval(ge=1, le=1024)] = 28,
        download: bool = False,
        label: str = "digit",
        filter: Filter = "bilinear",
    ) -> None:
        self.root = root
        self.size = size
        self.download = download
        self.label = field_name(label)
        self.filter = filter

    def specification(self) -> Specification:
        """Return `image` and the classes."""
        names = tuple(str(digit) for digit in range(10))
        return {"image": ImageField(1, self.size, self.size), self.label: ClassField(names, order="ring")}

    def locate(self) -> None:
        """Find the four files, after a download with `download`. Raises DataMissing if one is missing."""
        names = [f"{part}-{kind}-ubyte" for part in PARTS for kind in ("images-idx3", "labels-idx1")]
        if self.download and not all(self._file(name) for name in names):
            self._download()
        absent = [f"MNIST/raw/{name}" for name in names if not self._file(name)]
        if absent:
            advice = "Set download = true under [data], or put the four files of MNIST there, as they are or with .gz."
            raise missing("MNIST", self.root, absent, advice)

    def source(self) -> Source:
        """Read the four files."""
        images, digits, split = [], [], []
        identity: dict[str, Stamp] = {}
        for part, value in PARTS.items():
            images.append(self._read(f"{part}-images-idx3-ubyte", 3, identity))
            digits.append(self._read(f"{part}-labels-idx1-ubyte", 1, identity))
            if len(digits[-1]) and (most := int(digits[-1].max())) > 9:
                message = f"{part}-labels-idx1-ubyte holds values up to {most}; expected 0 to 9"
                raise UserError(str(self.root / "MNIST" / "raw"), message)
            split.append(np.full(len(digits[-1]), value, dtype=np.uint8))
            if len(images[-1]) != len(digits[-1]):
                message = f"{part} has {len(images[-1])} images and {len(digits[-1])} labels"
                raise UserError(str(self.root / "MNIST" / "raw"), message)
        if images[0].shape[1:] != images[1].shape[1:] or 0 in images[0].shape[1:]:
            sizes = " and ".join(f"{array.shape[1]} × {array.shape[2]}" for array in images)
            raise UserError(
                str(self.root / "MNIST" / "raw"), f"found images of {sizes} pixels; expected one size above 0"
            )
        return Source(
            labels={self.label: np.concatenate(digits).astype(np.int64)},
            split=np.concatenate(split),
            images=ImageArray(np.concatenate(images)[:, None], (self.size, self.size), self.filter),
            identity={"size": self.size, "files": identity, **said(self, filter="bilinear")},
        )

    def _file(self, name: str) -> Path | None:
        raw = self.root / "MNIST" / "raw"
        return next((path for path in (raw / name, raw / f"{name}.gz") if os.path.isfile(path)), None)

    def _read(self, name: str, dimensions: int, identity: dict[str, Stamp]) -> npt.NDArray[np.uint8]:
        """Read an array in the idx format: two zeros, type (8: uint8) and number of dimensions, their sizes,
        the data."""
        path = self._file(name)
        if path is None:
            raise UserError(str(self.root), f"MNIST/raw/{name} is missing")
        identity[path.name] = stamp(path)
        start = 4 + 4 * dimensions
        try:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                head = file.read(start)
                shape = [int.from_bytes(head[at : at + 4], "big") for at in range(4, start, 4)]
                size = math.prod(shape)
                # Read only as much as the head states; reject a head that states more than the unpacked file can hold.
                believed = head[:4] == bytes((0, 0, 8, dimensions)) and size <= MOST_PACKED * path.stat().st_size
                data = file.read(size + 1) if believed else b""
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(str(path), f"can't be read: {error}") from None
        if not believed:
            raise UserError(str(path), f"not an idx file of {dimensions} dimensions of bytes")
        if len(data) != size:
            found = "more" if len(data) > size else f"{len(data):,}: it is cut short"
            raise UserError(str(path), f"its header promises {' × '.join(map(str, shape))} bytes, there are {found}")
        return np.frombuffer(data, dtype=np.uint8).reshape(shape)

    def _download(self) -> None:
        from torchvision import datasets

        try:
            datasets.MNIST(str(self.root), download=True)
        except (OSError, RuntimeError) as error:
            raise UserError(str(self.root), f"MNIST could not be downloaded: {error}") from error
