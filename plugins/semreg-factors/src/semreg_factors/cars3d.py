"""The data set `cars3d`."""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semreg.core import ClassField, Problem, UserError
from semreg.data.images import resized
from semreg_factors.grid import FactorGrid, Rows, steps
from semreg_factors.published import Pixels, Published, PublishedFile

CAR = re.compile(r"(?:\./)?data/cars/(\w+\.mat)")
ELEVATIONS, AZIMUTHS = 4, 24


@dataclass(frozen=True)
class Cars:
    """The cars in the published archive, at a size. Reading a car requires unpacking all cars before it."""

    path: Path
    cars: int
    size: int

    def open(self) -> Callable[[Rows], Pixels]:
        """Read all images into memory. Raises UserError as StoredArray does."""
        found: dict[str, Pixels] = {}
        try:
            with tarfile.open(self.path, "r|gz") as archive:
                for member in archive:
                    name, file = CAR.fullmatch(member.name), archive.extractfile(member) if member.isfile() else None
                    if name and file:
                        found[name[1]] = self._images(member.name, file.read())
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            raise UserError(str(self.path), f"can't be read: {error}") from None
        if len(found) != self.cars:
            raise UserError(str(self.path), f"found {len(found)} files data/cars/NAME.mat; expected {self.cars}")
        cars = np.stack([found[name] for name in sorted(found)], axis=2)
        pixels = cars.reshape(-1, *cars.shape[3:])
        return lambda wanted: pixels[wanted]

    def _images(self, name: str, content: bytes) -> Pixels:
        """Return one car, `(elevations, azimuths, size, size, channels)`, of an array (height, width, channels,
        azimuths, elevations)."""
        from scipy.io import loadmat

        try:
            array = loadmat(io.BytesIO(content), variable_names=["im"])["im"]
        except Exception as error:  # damage makes SciPy raise any exception
            raise UserError(str(self.path), [Problem(name, f"can't be read: {error}")]) from None
        if array.dtype != np.uint8 or array.shape[2:] != (3, AZIMUTHS, ELEVATIONS):
            fits = f"uint8 (height, width, 3, {AZIMUTHS}, {ELEVATIONS}) fits"
            raise UserError(str(self.path), [Problem(name, f"`im` is {array.dtype} {array.shape}; {fits}")])
        images = resized(array.transpose(4, 3, 2, 0, 1).reshape(-1, 3, *array.shape[:2]), self.size)
        return np.moveaxis(images, 1, -1).reshape(ELEVATIONS, AZIMUTHS, self.size, self.size, 3)


class Cars3D(Published):
    """17,568 images of 183 rendered cars, 128×128, RGB (Reed, Zhang, Zhang and Lee 2015).

    Read from `cars3d/nips2015-analogy-data.tar.gz` under the data root, whose checksum is compared with the published
    one; it stays packed. With `download`, a missing file is fetched.

    Fields: `image` `(3, size, size)`, resized if `size` is not 128, and all factors, each a field of classes:
    `elevation` (four, a line), `azimuth` (0 to 345 degrees, a ring), and `car`, in the order of the files' names.

    `count` limits the images to so many, drawn by the `seed`, the same in every run. The share `test` of them, also
    drawn once, is for testing. `grid` has all combinations, and `rows` those that are used.
    """

    NAME = "Cars3D"
    FOLDER = "cars3d"
    FILES = (
        PublishedFile(
            "nips2015-analogy-data.tar.gz",
            "http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",
            "4e866a7919c1beedf53964e6f7a23686",
        ),
    )
    GRID = FactorGrid(
        {
            "elevation": steps(ELEVATIONS),
            "azimuth": ClassField(tuple(str(360 * k // AZIMUTHS) for k in range(AZIMUTHS)), "ring"),
            "car": steps(183, "none"),
        }
    )

    def array(self) -> Cars:
        """Return the cars of the archive."""
        return Cars(self.root / self.FOLDER / self.FILES[0].name, self.grid.sizes["car"], self.size)
