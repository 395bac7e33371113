"""Section 4.3: the principal components of one label's rows."""

from __future__ import annotations

from typing import Annotated

import torch

from semreg.core import Handle, Result, Role, Table
from semreg.pictures import image_grid, number
from semreg.trained import better, read_attributes
from semreg_olr.evaluations.common import (
    PICTURED,
    Count,
    attributes_field,
    check_embedding,
    read_all,
    shown,
    unknown_note,
)
from semreg_olr.statistics import principal_components

SHOWN = 4
"""How many components the table has."""


@better(higher=["first_component", "area_under_curve"], units={"*_component": "share of variance"})
def principal_component(
    embedding: Annotated[Handle, Role.CODE],
    attributes: Annotated[Handle, Role.ATTRIBUTES],
    image: Annotated[Handle, Role.INPUT],
    *,
    attribute: str = "Mouth_Slightly_Open",
    pictures: Count = 12,
) -> Result:
    """Compute principal components of one label's rows over all images, and show images in the first one's order (4.3,
    Figure 5).

    The first component is oriented so that images with the label project higher. Figures: the shares of variance of the
    `first_component` and the `second_component`, and `area_under_curve`, how well the projection on the first orders
    images by the label (1: perfectly, 0.5: not at all; not in the paper). The strip shows test images at evenly spaced
    ranks.

    Args:
        embedding: `(batch, labels, k)`.
        attributes: `(batch, labels)`, a field of the data.
        image: the images to show, `(batch, channels, height, width)`.
        attribute: the label; if the data lack it, the one whose share of the images is nearest to half.
        pictures: how many images to show.
    """
    names = attributes_field(attributes).names
    labels = read_all(attributes, read_attributes)
    known = attribute in names
    label = names.index(attribute) if known else int((labels.nanmean(0) - 0.5).abs().nan_to_num(1).argmin())
    rows = check_embedding(read_all(embedding), names, embedding.name)[:, label]
    found = principal_components(rows, labels[:, label])
    figures = {
        "first_component": float(found.shares[0]),
        "second_component": float(found.shares[1]) if len(found.shares) > 1 else torch.nan,
        "area_under_curve": found.auc,
    }
    shares = Table(
        f"Principal components of the rows of {shown(names[label])}",
        ("component", "share of variance"),
        [(index + 1, float(share)) for index, share in enumerate(found.shares[:SHOWN])],
    )
    tested = len(labels) - embedding.run.counts["test"]  # the first test image
    projection, present = found.projection[tested:][:PICTURED], labels[tested:, label][:PICTURED]
    ranks = torch.linspace(0, len(projection) - 1, min(pictures, len(projection))).round().long()
    places = projection.argsort()[ranks]
    note = "" if known else f"The data have no {attribute}; {names[label]} is the most balanced label. "
    strip = image_grid(
        f"Images in order of {shown(names[label])}",
        [image.at("test", places)],
        column_labels=[f"{number(float(projection[place]), 2)} {_mark(float(present[place]))}" for place in places],
        value_range=embedding.run.value_range,
        caption=f"{note}Test images, evenly spaced by the rank of their row's projection on the first principal "
        "component. The number above an image is its projection; ● has the label, ○ lacks it."
        + unknown_note(attributes, "those of ? count nowhere"),
    )
    summary = (
        f"4.3 {shown(names[label])}: first component {figures['first_component']:.3f} of the variance, "
        f"second {figures['second_component']:.3f}"
    )
    return Result(figures, {}, [shares], [strip], summary)


def _mark(label: float) -> str:
    """Return whether an image has the label, lacks it, or this is unknown."""
    return "●" if label > 0.5 else "○" if label <= 0.5 else "?"
