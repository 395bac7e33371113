"""Drawn faces for semreg: python-avatars draws them, resvg rasterises them, and the labels come from the drawing."""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = ["Avatars"]

if TYPE_CHECKING:
    from semreg_avatars.dataset import Avatars
else:
    __getattr__, __dir__ = lazy_names(__name__, "dataset")
