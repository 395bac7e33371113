"""The data set `mpi3d`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Interval

from semreg.core import ClassField
from semreg_factors.archives import ArchivedArray
from semreg_factors.grid import FactorGrid, steps
from semreg_factors.published import Published, PublishedFile, Size

Variant = Literal["toy", "realistic", "real"]
MD5: dict[Variant, str] = {
    "toy": "55889cb7c7dfc655d6e0277beee88868",
    "realistic": "59a6225b88b635365f70c91b3e52f70f",
    "real": "0f33f609918fb5c97996692f91129802",
}


class MPI3D(Published):
    """1,036,800 images of an object that a robot's arm holds, 64×64, RGB (Gondal et al. 2019), in three variants.

    `variant` selects one: "toy" and "realistic" are rendered, "real" are photographs. Read from `mpi3d/mpi3d_toy.npz`,
    `mpi3d_realistic.npz` or `mpi3d_real.npz` under the data root, whose checksum is compared with the published one.
    With `download`, a missing file is fetched: 12 GB.

    Fields: `image` `(3, size, size)`, resized if `size` is not 64, and all factors, each a field of classes:
    `object_color`, `object_shape`, `object_size`, `camera_height` (a line), `background_color`, and `horizontal_axis`
    and `vertical_axis`, 0 to 39 (lines): the angles of the arm's two joints.

    `count` limits the images to so many, drawn by the `seed`, the same in every run. The share `test` of them, also
    drawn once, is for testing. `grid` has all combinations, and `rows` those that are used.
    """

    NAME = "MPI3D"
    FOLDER = "mpi3d"
    GRID = FactorGrid(
        {
            "object_color": ClassField(("white", "green", "red", "blue", "brown", "olive")),
            "object_shape": ClassField(("cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere")),
            "object_size": ClassField(("small", "large"), "line"),
            "camera_height": ClassField(("top", "center", "bottom"), "line"),
            "background_color": ClassField(("purple", "sea_green", "salmon")),
            "horizontal_axis": steps(40),
            "vertical_axis": steps(40),
        }
    )

    def __init__(
        self,
        *,
        root: Path = Path("data"),
        variant: Variant = "toy",
        size: Size = 64,
        count: Annotated[int, Ge(2)] | None = None,
        seed: Annotated[int, Ge(0)] = 0,
        test: Annotated[float, Interval(gt=0, lt=1)] = 0.2,
        download: bool = False,
    ) -> None:
        super().__init__(root=root, size=size, count=count, seed=seed, test=test, download=download)
        self.variant: Variant = variant

    @property
    def files(self) -> tuple[PublishedFile, ...]:
        """The archive of the variant."""
        name = f"mpi3d_{self.variant}.npz"
        url = f"https://storage.googleapis.com/disentanglement_dataset/Final_Dataset/{name}"
        return (PublishedFile(name, url, MD5[self.variant]),)

    def array(self) -> ArchivedArray:
        """Return the array `images` of the archive."""
        return ArchivedArray(self.root / self.FOLDER / self.files[0].name, "images", (self.grid.count, 64, 64, 3))
