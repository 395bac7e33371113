"""Data sets of images with known factors of variation for semreg: dSprites, 3D Shapes, Cars3D, MPI3D, SmallNORB, and
shapes2d, which is drawn."""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = ["MPI3D", "Cars3D", "DSprites", "FactorGrid", "Shapes2D", "Shapes3D", "SmallNORB"]

if TYPE_CHECKING:
    from semreg_factors.cars3d import Cars3D
    from semreg_factors.dsprites import DSprites
    from semreg_factors.grid import FactorGrid
    from semreg_factors.mpi3d import MPI3D
    from semreg_factors.shapes2d import Shapes2D
    from semreg_factors.shapes3d import Shapes3D
    from semreg_factors.smallnorb import SmallNORB
else:
    __getattr__, __dir__ = lazy_names(
        __name__, "grid", "shapes2d", "dsprites", "shapes3d", "cars3d", "mpi3d", "smallnorb"
    )
