"""The angular triplet-neighbor loss (ATNL) for semreg.

Source: Yan, Lin, Yang, Li and Wang, *Semantics-Guided Representation Learning with Applications to Visual Synthesis*.
"""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = [
    "Geodesic",
    "Whitened",
    "angles",
    "angular_triplet_neighbor_loss",
    "balanced",
    "class_directions",
    "normalize",
    "partner",
    "spherical_interpolation",
]

if TYPE_CHECKING:
    from semreg_atnl.functional import (
        angles,
        angular_triplet_neighbor_loss,
        class_directions,
        normalize,
        spherical_interpolation,
    )
    from semreg_atnl.geodesic import Geodesic
    from semreg_atnl.neighbors import partner
    from semreg_atnl.samplers import balanced
    from semreg_atnl.whitened import Whitened
else:
    __getattr__, __dir__ = lazy_names(__name__, "functional", "geodesic", "neighbors", "samplers", "whitened")
