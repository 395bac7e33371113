"""A loss on the information in rows of label embeddings about other labels (beyond the paper)."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt
from einops import einsum
from torch import Tensor

from semreg.components.functional import in_float32


@in_float32
def row_leakage(embedding: Tensor, attributes: Tensor, *, floor: Annotated[float, Gt(0)] = 1e-3) -> Tensor:
    """Compute the variance of each row that the other labels explain beyond the row's own label: a scalar, at least 0.

    An edit replaces one row. If a decoder also reads the label from other rows, the edit makes only a part of the
    change. For each pair of a row a and another label b, first subtract the part of both that is linear in label a (for
    binary labels, the mean among the images with the same value of label a). The pair's value is |cov(row a, label b)|²
    / var(label b). The result is the sum over pairs, divided by the number of labels. If this loss is added from the
    start, the pair loss leaves rare rows at zero (decision: add it in its own phase, after the pair loss has formed the
    rows).

    Source: beyond the paper.

    Args:
        embedding: `(batch, labels, k)`.
        attributes: the labels 0 or 1, or their probabilities, `(batch, labels)`.
        floor: least variance of a label to divide by.

    Returns:
        A scalar; zero for a batch of one image or none, and if no label varies.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if embedding.ndim != 3 or embedding.shape[:2] != attributes.shape:
        raise ValueError(
            "the embedding must be (batch, labels, k) and the attributes (batch, labels), found "
            f"{tuple(embedding.shape)} and {tuple(attributes.shape)}"
        )
    images, labels = max(len(embedding), 1), max(attributes.shape[1], 1)
    rows, values = (part - part.sum(0) / images for part in (embedding, attributes.to(embedding.dtype)))
    shared = einsum(values, values, "image own, image other -> own other") / images
    told = einsum(rows, values, "image own k, image other -> own k other") / images
    variance = shared.diagonal()
    slope = shared / variance.clamp(min=1e-12)[:, None]  # of each other label on the own one
    left = (variance - slope * shared).clamp(min=floor)
    by_own = told.diagonal(dim1=0, dim2=2).mT  # (labels, k)
    explained = (told - by_own[:, :, None] * slope[:, None]).square().sum(1) / left
    return (explained.sum() - explained.diagonal().sum()) / labels


row_leakage.couples_rows = True  # type: ignore[attr-defined]
