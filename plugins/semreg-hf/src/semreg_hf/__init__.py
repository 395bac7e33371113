"""Data sets of Hugging Face's `datasets` library, decoded once into semreg's cache."""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = ["HFDataset"]

if TYPE_CHECKING:
    from semreg_hf.dataset import HFDataset
else:
    __getattr__, __dir__ = lazy_names(__name__, "dataset")
