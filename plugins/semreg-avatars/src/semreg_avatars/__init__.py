"""Embedded faces for semreg: drawn by python-avatars, rasterised by resvg, labelled by what is drawn."""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = ["Avatars"]

if TYPE_CHECKING:
    from semreg_avatars.dataset import Avatars
else:
    __getattr__, __dir__ = lazy_names(__name__, "dataset")
