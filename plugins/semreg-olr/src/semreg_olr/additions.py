"""Labels added by exchange: an image gets a label that it lacks, with the row of another image of the batch (beyond the
paper).

The exchanges teach a decoder edits: each row is real, but the rows beside it are of another image.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def labels_to_add(attributes: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Draw for each image a label that it lacks, and another image of the batch that has it: int64 `(batch, 2)`.

    The label is drawn uniformly from those that some image of the batch has, then the image from those that have it. An
    image that has all of these gets the label -1 and itself: nothing is added to it.

    Source: beyond the paper.

    Args:
        attributes: `(batch, labels)`, present where greater than 0.5.
        generator: source of randomness, on any device.

    Raises:
        ValueError: if the attributes are not two-dimensional.
    """
    if attributes.ndim != 2:
        raise ValueError(f"the attributes must be (batch, labels), found the shape {tuple(attributes.shape)}")
    present = attributes > 0.5
    batch, labels = present.shape
    own = torch.arange(batch, device=present.device)
    if not labels or not batch:
        return torch.stack([torch.full_like(own, -1), own], 1)
    source = present.device if generator is None else generator.device
    draws = torch.rand(batch, labels + batch, generator=generator, device=source).to(present.device)
    possible = present.any(0) & ~present
    label = draws[:, :labels].masked_fill(~possible, -1).argmax(1)
    giver = draws[:, labels:].masked_fill(~present.mT[label], -1).argmax(1)
    lacks = possible.any(1)
    return torch.stack([label.where(lacks, -1), giver.where(lacks, own)], 1)


labels_to_add.cuts_gradient = True  # type: ignore[attr-defined]
labels_to_add.couples_rows = True  # type: ignore[attr-defined]


def add_labels(values: Tensor, additions: Tensor, *, rivals: Sequence[Sequence[int]] | None = None) -> Tensor:
    """Return embeddings, or attributes, after the additions that `labels_to_add` drew; the input doesn't change.

    Each image takes the added label's row, or value, from the image that gives it, and those of the labels that exclude
    it become zero, as in `edit_embedding`.

    Source: beyond the paper.

    Args:
        values: embeddings `(batch, labels, k)` or attributes `(batch, labels)`.
        additions: int64 `(batch, 2)`, a label and the image that gives it; the label -1 adds nothing.
        rivals: for each label the indices of those that exclude it, as `@attributes.rivals`.

    Raises:
        ValueError: if the shapes do not fit, or `rivals` lacks a label or names others.
    """
    if values.ndim not in (2, 3) or additions.shape != (len(values), 2):
        raise ValueError(
            "the values must be (batch, labels) or (batch, labels, k) and the additions (batch, 2), found "
            f"{tuple(values.shape)} and {tuple(additions.shape)}"
        )
    label, giver = additions.unbind(1)
    numbers = torch.arange(values.shape[1], device=values.device)
    apart = values.ndim - 2
    added = (numbers == label[:, None])[(...,) + (None,) * apart]
    result = values.index_select(0, giver).where(added, values)
    if rivals is None or not len(numbers):
        return result
    excluded = _excluded(rivals, len(numbers), values.device)[label.clamp(min=0)] & (label >= 0)[:, None]
    return result.masked_fill(excluded[(...,) + (None,) * apart], 0)


add_labels.couples_rows = True  # type: ignore[attr-defined]


def _excluded(rivals: Sequence[Sequence[int]], labels: int, device: torch.device) -> Tensor:
    """Return which labels each label excludes, bool `(labels, labels)`, made on the device: a copy would
    be waited for."""
    if len(rivals) != labels or any(not 0 <= rival < labels for others in rivals for rival in others):
        raise ValueError(f"rivals must be given for each of {labels} labels, as indices of labels, found {rivals}")
    excluded = torch.zeros(labels, labels, dtype=torch.bool, device=device)
    for label, others in enumerate(rivals):
        for rival in others:
            excluded[label, rival] = True
    return excluded
