"""Binary attributes of a run's images, which may be unknown for some images."""

from __future__ import annotations

import torch
from torch import Tensor

from semreg.core import KNOWN, Handle


def read_attributes(attributes: Handle, split: str = "train", *, count: int | None = None) -> Tensor:
    """Return the attributes `(rows, attributes)` of a split: 1, 0, or NaN if unknown.

    Arguments and errors are those of `Handle.read`.
    """
    values: Tensor = attributes.read(split, count=count)
    if not has_unknown(attributes):
        return values
    known = attributes.run.tensor(attributes.name + KNOWN).read(split, count=count)
    return torch.where(known > 0.5, values, torch.nan)


def has_unknown(attributes: Handle) -> bool:
    """Return whether some attributes of some images are unknown."""
    return attributes.name + KNOWN in attributes.run.fields
