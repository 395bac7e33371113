"""The data set `smallnorb`."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from semreg.core import TEST, TRAIN, ClassField, UserError
from semreg_factors.grid import FactorGrid, Rows, steps
from semreg_factors.published import Blocks, Pixels, Published, PublishedFile, Size

TRAINING, TESTING = "smallnorb-5x46789x9x18x6x2x96x96-training", "smallnorb-5x01235x9x18x6x2x96x96-testing"
MD5 = {
    f"{TRAINING}-dat": "66054832f9accfe74a0f4c36a75bc0a2",
    f"{TRAINING}-cat": "23c8b86101fbf0904a000b43d3ed2fd9",
    f"{TRAINING}-info": "51dee1210a742582ff607dfd94e332e3",
    f"{TESTING}-dat": "e4ad715691ed5a3a5f138751a4ceb071",
    f"{TESTING}-cat": "5aa791cd7e6016cf957ce9bdb93b8603",
    f"{TESTING}-info": "a9454f3864d7fd4bb3ea7fc3eb84924e",
}
BYTES, INTEGERS = 0x1E3D4C55, 0x1E3D4C54
"""Type codes at the head of a file: by its documentation a byte matrix and an integer matrix."""


@dataclass(frozen=True)
class Matrix:
    """A matrix of these dimensions in a packed file of SmallNORB: its type, the number of its dimensions and these, at
    least three, in four bytes each, then its data, all of them little-endian."""

    path: Path
    kind: int
    shape: tuple[int, ...]

    @property
    def start(self) -> int:
        """The offset of its data, in bytes."""
        return 8 + 4 * max(3, len(self.shape))

    def stream(self) -> gzip.GzipFile:
        """Return the unpacked file. Raises UserError if it has another matrix."""
        with self.told():
            file = gzip.open(self.path)  # noqa: SIM115  as long as rows are read
            head = np.frombuffer(file.read(self.start), "<i4")
        if head[: 2 + len(self.shape)].tolist() != [self.kind, len(self.shape), *self.shape]:
            raise UserError(
                str(self.path), f"found another matrix; expected one of {' × '.join(map(str, self.shape))} numbers"
            )
        return file

    def integers(self) -> npt.NDArray[np.int64]:
        """Return all of it. Raises UserError if it can't be read."""
        with self.told(), self.stream() as file:
            return np.frombuffer(file.read(), "<i4").reshape(self.shape).astype(np.int64)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn errors of the file, inside the block, into a UserError."""
        try:
            yield
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise UserError(str(self.path), f"can't be read: {error}") from None


@dataclass(frozen=True)
class LeftImages:
    """The left image of each pair, of one matrix after the other, all of one shape."""

    matrices: tuple[Matrix, ...]

    def open(self) -> Blocks:
        """Open its rows. Raises UserError as StoredArray does."""
        streams = [matrix.stream() for matrix in self.matrices]
        count, *shape = self.matrices[0].shape
        length = math.prod(shape)

        def read(first: int, last: int) -> Pixels:
            parts = []
            for number, (matrix, stream) in enumerate(zip(self.matrices, streams, strict=True)):
                start, stop = max(first - number * count, 0), min(last - number * count, count)
                if start < stop:
                    with matrix.told():
                        stream.seek(matrix.start + start * length)
                        parts.append(np.frombuffer(stream.read((stop - start) * length), np.uint8).reshape(-1, *shape))
            return np.concatenate(parts)[:, 0]

        return Blocks(read, count * len(streams))


class SmallNORB(Published):
    """48,600 photographs of 50 toys, 96×96, grey (LeCun, Huang and Bottou 2004), half of them for testing.

    Read from `smallnorb` under the data root, six files: `smallnorb-5x46789x9x18x6x2x96x96-training-dat.mat.gz`, the
    same with `cat` and `info`, and those of `smallnorb-5x01235x9x18x6x2x96x96-testing`. Their checksums are compared
    with the published ones. With `download`, missing files are fetched. The data set has the left image of each pair.

    Fields: `image` `(1, size, size)`, resized if `size` is not 96, and all factors, each a field of classes: `category`
    (animal, human, plane, truck, car), `instance` (ten toys of each category: equal numbers in two categories have
    nothing in common), `elevation` (30 to 70 degrees, a line), `azimuth` (0 to 340 degrees, a ring) and `lighting`
    (six).

    The split is the published one: a toy is in only one part, so that each part has five of the ten instances. Both
    together are a whole `grid`, each part is a smaller one; `rows` has the row of each image in it.
    """

    NAME = "SmallNORB"
    FOLDER = "smallnorb"
    FILES = tuple(
        PublishedFile(f"{name}.mat.gz", f"https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/{name}.mat.gz", md5)
        for name, md5 in MD5.items()
    )
    GRID = FactorGrid(
        {
            "category": ClassField(("animal", "human", "plane", "truck", "car")),
            "instance": steps(10, "none"),
            "elevation": ClassField(tuple(str(30 + 5 * k) for k in range(9)), "line"),
            "azimuth": ClassField(tuple(str(20 * k) for k in range(18)), "ring"),
            "lighting": steps(6, "none"),
        }
    )
    CHANNELS = 1

    def __init__(self, *, root: Path = Path("data"), size: Size = 64, download: bool = False) -> None:
        super().__init__(root=root, size=size, download=download)

    @cached_property
    def rows(self) -> Rows:
        """The row of the grid of each image, int64 `(count,)`.

        Raises UserError unless this is every row once, with the checksum of a factor file of another version.
        """
        each, path = self.grid.count // 2, self.root / self.FOLDER
        for file in self.files:
            if "-dat" not in file.name:  # the build of a cache checks and reads the images
                file.check(path / file.name)
        parts = []
        for part in (TRAINING, TESTING):
            category = Matrix(path / f"{part}-cat.mat.gz", INTEGERS, (each,)).integers()
            others = Matrix(path / f"{part}-info.mat.gz", INTEGERS, (each, 4)).integers()
            parts.append(np.concatenate([category[:, None], others], axis=1))
        factors = np.concatenate(parts)
        factors[:, 3] //= 2  # the azimuth is counted in tens of degrees; every other one was photographed
        try:
            rows = self.grid.rows(**dict(zip(self.grid.sizes, factors.T, strict=True)))
        except ValueError:
            rows = np.empty(0, np.int64)
        if not np.array_equal(np.sort(rows), np.arange(self.grid.count)):
            raise UserError(
                str(self.root / self.FOLDER), "some toy is missing, or occurs twice, in some pose and light"
            )
        return rows

    def split(self) -> tuple[npt.NDArray[np.uint8], str]:
        """Return the published split."""
        return np.repeat(np.array([TRAIN, TEST], np.uint8), self.grid.count // 2), "the files"

    def array(self) -> LeftImages:
        """Return the images of both parts."""
        shape = (self.grid.count // 2, 2, 96, 96)
        folder = self.root / self.FOLDER
        return LeftImages(tuple(Matrix(folder / f"{part}-dat.mat.gz", BYTES, shape) for part in (TRAINING, TESTING)))
