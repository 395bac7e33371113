"""Data sets of images with known factors of variation for semreg: dSprites, 3D Shapes, Cars3D, MPI3D, SmallNORB, and
shapes2d, which is drawn."""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = ["FactorGrid", "Shapes2D"]

if TYPE_CHECKING:
    from semreg_factors.grid import FactorGrid
    from semreg_factors.shapes2d import Shapes2D
else:
    __getattr__, __dir__ = lazy_names(__name__, "grid", "shapes2d")
