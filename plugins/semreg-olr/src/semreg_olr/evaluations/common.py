"""Tools that several evaluations share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from semreg.core import AttributesField, Handle
from semreg.trained import has_unknown
from semreg_olr.functional import LabelStatistics, label_statistics

Count = Annotated[int, Gt(0)]
Threshold = Annotated[float, Ge(0)]

PICTURED = 1000
"""Pictures show test images among so many first ones."""


def attributes_field(attributes: Handle) -> AttributesField:
    """Return the names of the labels and their rivals. Raises ValueError if the tensor is not a field of binary
    attributes."""
    if not isinstance(attributes.field, AttributesField):
        raise ValueError(f"{attributes.name!r} is not a field of binary attributes in the data")
    return attributes.field


def check_embedding(embedding: Tensor, names: tuple[str, ...], name: str) -> Tensor:
    """Return the embeddings, `(rows, labels, k)`. Raises ValueError if they lack one row per label."""
    tensor = isinstance(embedding, Tensor)
    if not tensor or embedding.ndim != 3 or embedding.shape[1] != len(names):
        found = (
            f"an image of it has shape {tuple(embedding.shape[1:])}"
            if tensor
            else f"it is a {type(embedding).__name__}"
        )
        raise ValueError(f"{name!r} must have one row for each of the {len(names)} labels; {found}")
    return embedding


def moments(embedding: Tensor, labels: Tensor) -> LabelStatistics:
    """Return `label_statistics`, with zeros for labels that no image has: these can't be edited."""
    known = labels.nansum(0) > 0
    if known.all():
        return label_statistics(embedding, labels)
    found = label_statistics(embedding[:, known], labels[:, known])
    filled = [part.new_zeros(len(known), *part.shape[1:]) for part in found]
    for whole, part in zip(filled, found, strict=True):
        whole[known] = part
    return LabelStatistics(*filled)


def read_all(
    handle: Handle, read: Callable[[Handle, str], Tensor] = lambda handle, split: handle.read(split)
) -> Tensor:
    """Return the rows of every split that has any, training first."""
    counts = handle.run.counts
    return torch.cat([read(handle, split) for split in ("train", "validation", "test") if counts[split]])


def unknown_note(attributes: Handle, said: str) -> str:
    """Return the end of a caption if some labels of some images are unknown."""
    return f" Some labels of some images are not known; {said}." if has_unknown(attributes) else ""


def mean(values: Iterable[float] | Tensor) -> float:
    """Return the mean of those values that are not NaN."""
    values = values if isinstance(values, Tensor) else torch.tensor(list(values))
    return float(values.float().nanmean())


def shown(name: str) -> str:
    """Return a label's name as prose."""
    return name.replace("_", " ")
