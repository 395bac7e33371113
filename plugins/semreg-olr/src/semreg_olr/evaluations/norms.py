"""Sections 3, 5 and 4.2: the norms of the embeddings' rows, and their correlations."""

from __future__ import annotations

from typing import Annotated

import torch

from semreg.core import Handle, Result, Role, Table
from semreg.pictures import bar_plot, heat_map
from semreg.trained import better, read_attributes
from semreg_olr.evaluations.common import (
    Threshold,
    attributes_field,
    check_embedding,
    mean,
    read_all,
    shown,
    unknown_note,
)
from semreg_olr.statistics import agreement, correlations

PAIRS = (
    ("Wearing_Lipstick", "Attractive"),
    ("Male", "Heavy_Makeup"),
    ("Big_Lips", "Attractive"),
    ("Bald", "Attractive"),
    ("Double_Chin", "Gray_Hair"),
    ("Young", "Bald"),
    ("High_Cheekbones", "Attractive"),
    ("Male", "Big_Nose"),
    ("Smiling", "Attractive"),
)
"""The pairs of labels whose correlations section 4.2 gives."""


@better(
    higher=["present", "near_zero_absent"],
    lower=["absent", "near_zero_present"],
    units={"near_zero_*": "share", "rows_in_use": "rows", "labels_present": "labels"},
)
def row_norms(
    embedding: Annotated[Handle, Role.CODE],
    attributes: Annotated[Handle, Role.ATTRIBUTES],
    *,
    near_zero: Threshold = 0.1,
) -> Result:
    """Measure the norm of a label's row with the label present and absent (sections 3 and 5).

    Training makes the dot product of a label's rows on two images approach the label's joint probability: the norm is
    near 1 if the label is certain, and near zero if it is absent.

    Figures, over test images: `present` and `absent`, the mean norm of either kind (means over labels); the shares of
    rows shorter than `near_zero`, `near_zero_present` and `near_zero_absent`; and the mean numbers of `rows_in_use`
    (not near zero) and of `labels_present` of an image.

    Args:
        embedding: `(batch, labels, k)`.
        attributes: `(batch, labels)`, a field of the data.
        near_zero: the norm below which a row counts as near zero.
    """
    names = attributes_field(attributes).names
    norms = check_embedding(embedding.read("test"), names, embedding.name).norm(dim=2)
    labels = read_attributes(attributes, "test")
    present, absent = labels > 0.5, labels <= 0.5
    near = (norms < near_zero).float()

    def where(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return column means over the masked rows, NaN if there are none."""
        return torch.where(mask, values, torch.nan).nanmean(0)

    columns = (
        labels.nanmean(0),
        where(norms, present),
        where(norms, absent),
        where(near, present),
        where(near, absent),
    )
    figures = {
        "present": mean(columns[1]),
        "absent": mean(columns[2]),
        "near_zero_present": mean(columns[3]),
        "near_zero_absent": mean(columns[4]),
        "rows_in_use": float((1 - near).sum(1).mean()),
        "labels_present": float(present.float().sum(1).mean()),
    }
    table = Table(
        "Norms of the labels' rows",
        (
            "label",
            "share present",
            "norm where present",
            "norm where absent",
            "near zero where present",
            "near zero where absent",
        ),
        [(shown(name), *row) for name, row in zip(names, torch.stack(columns, 1).tolist(), strict=True)],
        caption=f"Means over test images; near zero: a norm below {near_zero:g}."
        + unknown_note(attributes, "these count nowhere, and not among the labels present of an image"),
    )
    plot = bar_plot(
        "Norms of the labels' rows", [shown(name) for name in names], {"present": columns[1], "absent": columns[2]},
        y_label="mean norm", caption="Mean norm of a label's row over the test images with and without the label.",
    )  # fmt: skip
    summary = (
        f"norm of a label's row {figures['present']:.2f} where present, {figures['absent']:.2f} where absent; "
        f"{figures['near_zero_absent']:.0%} of absent rows below {near_zero:g}"
    )
    return Result(figures, {}, [table], [plot], summary)


@better(higher=["agreement"], units={"*": "correlation"})
def norm_correlations(
    embedding: Annotated[Handle, Role.CODE], attributes: Annotated[Handle, Role.ATTRIBUTES]
) -> Result:
    """Compute Pearson correlations between the norms of the labels' rows over all images (section 4.2, Figure 4).

    The result also has the correlations of the labels themselves. Figures: `agreement`, the Pearson correlation of the
    two over all pairs of labels, and for each pair that the paper names and the data have, `label_label`.

    Args:
        embedding: `(batch, labels, k)`.
        attributes: `(batch, labels)`, a field of the data.
    """
    names = attributes_field(attributes).names
    of_norms = correlations(check_embedding(read_all(embedding), names, embedding.name).norm(dim=2))
    of_labels = correlations(read_all(attributes))
    position = {name: index for index, name in enumerate(names)}
    figures, rows = {"agreement": agreement(of_norms, of_labels)}, []
    for a, b in (pair for pair in PAIRS if position.keys() >= set(pair)):
        key, place = f"{a}_{b}".lower(), (position[a], position[b])
        figures[key] = float(of_norms[place])
        rows.append((f"{shown(a)} – {shown(b)}", figures[key], float(of_labels[place])))
    tables = [Table("Correlations that the paper names", ("pair", "norms", "labels"), rows, digits=2)] if rows else []
    row, column = torch.triu_indices(len(names), len(names), offset=1)
    strongest = of_norms[row, column].abs().nan_to_num().argsort(descending=True)[:12].tolist()
    pairs = [(int(row[index]), int(column[index])) for index in strongest]
    tables.append(
        Table(
            "The strongest correlations",
            ("pair", "norms", "labels"),
            [
                (f"{shown(names[a])} – {shown(names[b])}", float(of_norms[a, b]), float(of_labels[a, b]))
                for a, b in pairs
            ],
            digits=2,
        )
    )
    labels = [shown(name) for name in names]
    caption = "Pearson correlation over all images, {}. A label that never varies is left blank."
    caption += unknown_note(attributes, "here these count as absent")
    pictures = [
        heat_map(
            "Correlations of the rows' norms",
            of_norms,
            labels,
            caption=caption.format("of the norms of the labels' rows"),
        ),
        heat_map("Correlations of the labels", of_labels, labels, caption=caption.format("of the labels themselves")),
    ]
    beside = ", ".join(f"{row[0].lower()} {row[1]:+.1f}" for row in rows[:3])
    summary = f"4.2 agreement of the norms' correlations with the labels' {figures['agreement']:.2f}"
    return Result(figures, {}, tables, pictures, f"{summary}; {beside}" if beside else summary)
