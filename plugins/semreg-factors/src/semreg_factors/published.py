"""Common parts of data sets of published files with known factors: files and their checksums, rows of
a grid, a split."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import file_digest
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Interval

from semreg.core import ImageField, Source, Specification, UserError
from semreg.data.files import missing, stamp
from semreg.data.images import resized
from semreg.data.splits import drawn_in_words, drawn_split
from semreg_factors.grid import FactorGrid, Rows

Size = Annotated[int, Interval(ge=1, le=1024)]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PublishedFile:
    """A file as its authors published it."""

    name: str
    url: str
    md5: str

    def check(self, path: Path) -> None:
        """Raise UserError, with both checksums, unless the file at `path` is this one."""
        try:
            with path.open("rb") as file:
                found = file_digest(file, "md5").hexdigest()
        except OSError as error:
            raise UserError(str(path), f"can't be read: {error.strerror or error}") from None
        if found != self.md5:
            message = f"not as published: its MD5 checksum is {found}, that of {self.url} is {self.md5}; get it again"
            raise UserError(str(path), message)

    def download(self, folder: Path) -> None:
        """Fetch it into a folder, under its name once it is complete. Raises UserError if that fails."""
        from torch.hub import download_url_to_file

        path = folder / self.name
        part = path.with_name(f"{self.name}.part")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            download_url_to_file(self.url, str(part))
            self.check(part)
            part.rename(path)
        except (OSError, HTTPException, RuntimeError) as error:
            raise UserError(str(path), f"{self.url} could not be downloaded: {error}") from error


class Published(ABC):
    """The base of data sets of published files, which describe themselves by class variables.

    `NAME` is the set's name, `FOLDER` the folder of its `FILES` under the data root, `GRID` has all combinations of the
    factors in the order of the images in the files, `CHANNELS` is 1 or 3, `WHITE` the value of white in the files. A
    class defines `array()`, and overrides other differences.
    """

    NAME: ClassVar[str]
    FOLDER: ClassVar[str]
    FILES: ClassVar[tuple[PublishedFile, ...]]
    GRID: ClassVar[FactorGrid]
    CHANNELS: ClassVar[int] = 3
    WHITE: ClassVar[int] = 255

    def __init__(
        self,
        *,
        root: Path = Path("data"),
        size: Size = 64,
        count: Annotated[int, Ge(2)] | None = None,
        seed: Annotated[int, Ge(0)] = 0,
        test: Annotated[float, Interval(gt=0, lt=1)] = 0.2,
        download: bool = False,
    ) -> None:
        self.root, self.size, self.seed, self.test, self.download = root, size, seed, test, download
        self.grid = self.GRID
        self._rows = self.grid.subset(count, seed)

    @property
    def files(self) -> tuple[PublishedFile, ...]:
        """The files to read."""
        return self.FILES

    def specification(self) -> Specification:
        """Return `image` and the factors."""
        return {"image": ImageField(self.CHANNELS, self.size, self.size), **self.grid.factors}

    def locate(self) -> None:
        """Find the files, after a download with `download`. Raises DataMissing if one is missing."""
        absent = [file for file in self.files if not os.path.isfile(self.root / self.FOLDER / file.name)]
        if self.download:
            for file in absent:
                file.download(self.root / self.FOLDER)
        elif absent:
            where = ", ".join(file.url for file in absent)
            advice = f"Set download = true under [data], or put there, as it is: {where}"
            raise missing(self.NAME, self.root, [f"{self.FOLDER}/{file.name}" for file in absent], advice)

    @property
    def rows(self) -> Rows:
        """The row of the grid of each image, int64 `(count,)`."""
        return self._rows

    @abstractmethod
    def array(self) -> StoredArray:
        """Return the images in the files."""

    def split(self) -> tuple[npt.NDArray[np.uint8], str]:
        """Return the split of each image and its origin."""
        count = len(self._rows)
        return drawn_split(count, test=self.test), drawn_in_words(count, test=self.test)

    def source(self) -> Source:
        """Return the factors of each image, and its split; reads no image."""
        files = tuple((file, self.root / self.FOLDER / file.name) for file in self.files)
        split, origin = self.split()
        return Source(
            labels=dict(self.grid.classes(self.rows)),
            split=split,
            images=PublishedImages(files, self.array(), self._rows, self.size, self.WHITE),
            identity={
                "size": self.size,
                "count": len(self._rows),
                "seed": self.seed,
                "test": self.test,
                "files": {file.name: stamp(path) for file, path in files},
            },
            told={"split": origin},
        )

    survey = source


class StoredArray(Protocol):
    """An array of images in files. A process opens equal arrays once."""

    def __hash__(self) -> int: ...

    def open(self) -> Callable[[Rows], Pixels]:
        """Return a function from positions in the array to images: `(rows, height, width)`, with channels at the end if
        any.

        Raises UserError for another array than expected, and, then and later, if the files are damaged.
        """


class Blocks:
    """Rows of an array in a file, read in blocks: each once if they are requested in ascending order.

    `read(start, stop)` returns the rows from `start` to before `stop`, of `count`; a block has so many `rows`.
    """

    def __init__(self, read: Callable[[int, int], Pixels], count: int, rows: int = 256) -> None:
        self._read, self._count, self._rows = read, count, rows
        self._number, self._block = -1, np.empty(0, np.uint8)

    def __call__(self, wanted: Rows) -> Pixels:
        """Return these rows, `(len(wanted), …)`."""
        found = []
        for number, place in zip(*np.divmod(wanted, self._rows), strict=True):
            if number != self._number:
                start = int(number) * self._rows
                self._block = self._read(start, min(start + self._rows, self._count))
                self._number = int(number)
            found.append(self._block[place])
        return np.stack(found)


@dataclass(frozen=True)
class PublishedImages:
    """An ImageReader of rows of a stored array, whose files are checked before the first is read."""

    files: tuple[tuple[PublishedFile, Path], ...]
    array: StoredArray
    rows: Rows
    size: int
    white: int

    def __call__(self, indices: Sequence[int]) -> Pixels:
        """Return images `(len(indices), channels, size, size)`."""
        images = _opened(self.array)(self.rows[list(indices)])
        images = images[:, None] if images.ndim == 3 else np.moveaxis(images, -1, 1)
        return resized(images * np.uint8(255 // self.white), self.size)

    def prepare(self) -> dict[str, Any]:
        """Compare the checksums. Raises UserError, with both checksums, for a file that differs from the
        published one."""
        for file, path in self.files:
            file.check(path)
        return {}

    def part(self, indices: Rows) -> PublishedImages:
        """Return a reader of only these images."""
        return replace(self, rows=self.rows[indices])


@lru_cache(maxsize=1)
def _opened(array: StoredArray) -> Callable[[Rows], Pixels]:
    return array.open()
