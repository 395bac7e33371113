"""Arrays of images in `.npz` files, read in parts: those of dSprites and MPI3D have 3 and 13 GB, unpacked."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semreg.core import Problem, UserError
from semreg_factors.published import Blocks, Pixels


@dataclass(frozen=True)
class ArchivedArray:
    """The array `name` of bytes, of this shape, in a file that numpy.savez wrote. Nothing is unpickled."""

    path: Path
    name: str
    shape: tuple[int, ...]

    def open(self) -> Blocks:
        """Open its rows. Raises UserError as StoredArray does."""
        with self._told():
            member = zipfile.ZipFile(self.path).open(f"{self.name}.npy")  # noqa: SIM115  as long as rows are read
            first = np.lib.format.read_magic(member) == (1, 0)
            read_head = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
            shape, in_fortran_order, dtype = read_head(member)
            start, length = member.tell(), math.prod(self.shape[1:])
        if (tuple(shape), in_fortran_order, dtype.name) != (self.shape, False, "uint8"):
            raise UserError(
                str(self.path), [Problem(self.name, f"{dtype} {tuple(shape)}; expected uint8 {self.shape}")]
            )

        def read(first: int, last: int) -> Pixels:
            with self._told():
                member.seek(start + first * length)
                data = member.read((last - first) * length)
                return np.frombuffer(data, np.uint8).reshape(last - first, *self.shape[1:])

        return Blocks(read, self.shape[0])

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(str(self.path), [Problem(self.name, f"can't be read: {error}")]) from None
