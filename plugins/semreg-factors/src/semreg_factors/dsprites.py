"""The data set `dsprites`."""

from __future__ import annotations

from semreg.core import ClassField
from semreg_factors.archives import ArchivedArray
from semreg_factors.grid import FactorGrid, steps
from semreg_factors.published import Published, PublishedFile

ARCHIVE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"


class DSprites(Published):
    """737,280 images of one white shape on black, 64×64, grey (Matthey, Higgins, Hassabis and Lerchner 2017).

    Read from `dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz` under the data root, whose checksum is compared
    with the published one; its metadata, which are pickled, are never opened. With `download`, a missing file is
    fetched.

    Fields: `image` `(1, size, size)`, resized if `size` is not 64, and all factors, each a field of classes:

    * `shape`: square, ellipse, heart.
    * `scale`: 0.5 to 1 in six steps (a line).
    * `orientation`: 0 to 39, in steps of 360/39 degrees (a ring). The last looks like the first; a square looks the
      same after a quarter of a turn and an ellipse after half a turn, so that no code can represent all orientations.
    * `x` and `y`: 0 to 31 (lines).

    The colour, which is always white, is not a field. `count` limits the images to so many, drawn by the `seed`, the
    same in every run. The share `test` of them, also drawn once, is for testing. `grid` has all combinations, and
    `rows` those that are used.
    """

    NAME = "dSprites"
    FOLDER = "dsprites"
    FILES = (
        PublishedFile(
            ARCHIVE,
            f"https://github.com/google-deepmind/dsprites-dataset/raw/master/{ARCHIVE}",
            "7da33b31b13a06f4b04a70402ce90c2e",
        ),
    )
    GRID = FactorGrid(
        {
            "shape": ClassField(("square", "ellipse", "heart")),
            "scale": ClassField(("0.5", "0.6", "0.7", "0.8", "0.9", "1"), "line"),
            "orientation": steps(40, "ring"),
            "x": steps(32),
            "y": steps(32),
        }
    )
    CHANNELS = 1
    WHITE = 1

    def array(self) -> ArchivedArray:
        """Return the array `imgs` of the archive."""
        return ArchivedArray(self.root / self.FOLDER / ARCHIVE, "imgs", (self.grid.count, 64, 64))
