"""The accuracy of a recipe's own classifier, such as a judge."""

from __future__ import annotations

import torch
from torch import Tensor

from semreg.core import AttributesField, Handle, Result, Table
from semreg.trained import accuracies, better, class_field, read_attributes


@better(higher=["accuracy"], units={"accuracy": "share"})
def accuracy(probability: Handle, label: Handle) -> Result:
    """Measure how often a classifier of the recipe is right on the test images.

    For classes, the most probable one counts; for each binary label, whether it is more probable than not. Unknown
    labels are left out.

    Figures: `accuracy`, of binary labels the mean over them. Outcomes, of classes: `accuracy`.

    Args:
        probability: `(batch, classes)` or `(batch, attributes)`, in [0, 1].
        label: a field of classes, or of binary labels.
    """
    if isinstance(label.field, AttributesField):
        return _of_attributes(probability, label, label.field)
    field, labels = class_field(label), label.read("test")
    right = _read(probability, len(field.names)).argmax(1) == labels
    share = float(right.float().mean())
    return Result(
        figures={"accuracy": share},
        tables=[accuracies(right, labels, field)],
        summary=f"{share:.2%} of {len(labels)} test images right",
        outcomes={"accuracy": right.tolist()},
    )


def _of_attributes(probability: Handle, label: Handle, field: AttributesField) -> Result:
    found, labels = _read(probability, len(field.names)), read_attributes(label, "test")
    right = torch.where(labels.isnan(), torch.nan, ((found > 0.5) == (labels > 0.5)).float()).nanmean(0)
    mean = float(right.nanmean())
    known = (~labels.isnan()).sum(0).tolist()
    rows = list(zip(field.names, known, right.tolist(), strict=True))
    return Result(
        figures={"accuracy": mean},
        tables=[Table("Accuracy by label", ("label", "test images", "accuracy"), rows)],
        summary=f"{mean:.2%} of the labels of {len(labels)} test images right",
    )


def _read(probability: Handle, count: int) -> Tensor:
    """Return the probabilities `(rows, count)` of test images. Raises ValueError for other shapes."""
    found = probability.read("test")
    if not isinstance(found, Tensor) or found.ndim != 2 or found.shape[1] != count:
        shape = tuple(found.shape[1:]) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(f"{probability.name!r} must be (batch, {count}), a number for each name; one has {shape}")
    return found
