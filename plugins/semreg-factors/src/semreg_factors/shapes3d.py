"""The data set `shapes3d`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from semreg.core import ClassField, Problem, UserError
from semreg_factors.grid import FactorGrid, steps
from semreg_factors.published import Blocks, Pixels, Published, PublishedFile


@dataclass(frozen=True)
class HDF5Array:
    """The array `name` of bytes, of this shape, in an HDF5 file."""

    path: Path
    name: str
    shape: tuple[int, ...]

    def open(self) -> Blocks:
        """Open its rows, in the blocks of the file's compression. Raises UserError as StoredArray does."""
        import h5py

        with self._told():
            found = h5py.File(self.path, "r")[self.name]
            shape, dtype = getattr(found, "shape", ()), getattr(found, "dtype", "no array")
        if (shape, str(dtype)) != (self.shape, "uint8"):
            raise UserError(str(self.path), [Problem(self.name, f"{dtype} {shape}; expected uint8 {self.shape}")])

        def read(first: int, last: int) -> Pixels:
            with self._told():
                block: Pixels = found[first:last]
                return block

        return Blocks(read, self.shape[0], max(256, (found.chunks or (1,))[0]))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, KeyError) as error:
            raise UserError(str(self.path), [Problem(self.name, f"can't be read: {error}")]) from None


class Shapes3D(Published):
    """480,000 images of one object in a room, 64×64, RGB (Burgess and Kim 2018).

    Read from `shapes3d/3dshapes.h5` under the data root, whose checksum is compared with the published one. It is an
    HDF5 file, which needs the package h5py. With `download`, a missing file is fetched.

    Fields: `image` `(3, size, size)`, resized if `size` is not 64, and all factors, each a field of classes:
    `floor_hue`, `wall_hue` and `object_hue`, ten each (rings of colours), `scale` (eight, a line), `shape` (cube,
    cylinder, sphere, capsule), and `orientation`, fifteen from -30 to 30 degrees (a line).

    `count` limits the images to so many, drawn by the `seed`, the same in every run. The share `test` of them, also
    drawn once, is for testing. `grid` has all combinations, and `rows` those that are used.
    """

    NAME = "3D Shapes"
    FOLDER = "shapes3d"
    FILES = (
        PublishedFile(
            "3dshapes.h5",
            "https://storage.googleapis.com/3d-shapes/3dshapes.h5",
            "099a2078d58cec4daad0702c55d06868",
        ),
    )
    GRID = FactorGrid(
        {
            "floor_hue": steps(10, "ring"),
            "wall_hue": steps(10, "ring"),
            "object_hue": steps(10, "ring"),
            "scale": steps(8),
            "shape": ClassField(("cube", "cylinder", "sphere", "capsule")),
            "orientation": steps(15),
        }
    )

    def locate(self) -> None:
        """Find the file, after a download with `download`. Raises DataMissing if it is missing, and UserError without
        h5py."""
        super().locate()
        if find_spec("h5py") is None:
            install = "pip install 'semreg-factors[shapes3d]'"
            raise UserError(
                "", f"3D Shapes is an HDF5 file, and the package h5py, which reads it, is missing: {install}"
            )

    def array(self) -> HDF5Array:
        """Return the array `images` of the file."""
        return HDF5Array(self.root / self.FOLDER / self.FILES[0].name, "images", (self.grid.count, 64, 64, 3))
