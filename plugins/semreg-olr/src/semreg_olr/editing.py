"""Adds labels to your own images and removes them (section 4.5), as `semreg edit` does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from semreg.core import AttributesField, UserError
from semreg.trained import Run, drawn_by, expected_images, need, only_attribute, synthesised
from semreg_olr.evaluations.common import attributes_field, check_embedding
from semreg_olr.functional import LabelStatistics, edit_embedding
from semreg_olr.hooks import moments_of_rows, owner


class Edited(NamedTuple):
    """Images `(batch, channels, height, width)` in the recipe's range."""

    image: Tensor
    """The decoder's target: the image, or a crop of it."""
    reconstruction: Tensor
    edited: Tensor


def edit(
    run: Run,
    images: Any,
    *,
    add: Mapping[str, float | None] | None = None,
    remove: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Edited:
    """Add labels to images and remove others, in the code that has the binary labels in the recipe's `[model]`.

    Adding a label replaces its row of the embedding by a draw from the normal distribution of its rows over the
    training images that have it, times a strength, and zeroes the rows of labels that exclude it; removing it sets the
    row to zero, or to a draw times a strength. The order of the labels does not matter.

    Args:
        run: a trained run, as recipes/olr_celeba.toml makes it.
        images: `(batch, channels, height, width)` in the recipe's range, or in memory as `Run.encode` takes them.
        add: labels by name, each with its strength: 1, and None, is as in the data, above 1 is more.
        remove: labels by name, each with the remaining strength; 0 removes the label completely.
        seed: of the draws.

    The run stores the moments of the rows; otherwise they are computed from the training data. Raises UserError for
    roles that `[model]` lacks. Raises ValueError if there is nothing to do, a label does not exist, no training image
    has it, it is both added and removed, it is added with one that excludes it, or a strength is not finite, negative,
    0 for an added label, or too large for the decoder.
    """
    roles = need(run, "input", "output")
    label, code = only_attribute(run, AttributesField)
    embedding, reconstruction, field = run.tensor(code), run.tensor(roles.output), attributes_field(run.tensor(label))
    added = {name: 1.0 if strength is None else strength for name, strength in (add or {}).items()}
    removed = dict(remove or {})
    if not added and not removed:
        raise ValueError(f"no label to add or remove is given; known labels: {', '.join(field.names)}")
    for verb, least, strengths in (("added", "above 0", added), ("removed", "0 or above", removed)):
        for name, strength in strengths.items():
            if not (math.isfinite(strength) and strength >= 0 and (strength or strengths is removed)):
                raise ValueError(f"{name} can be {verb} with a strength {least}, found {strength:g}")
    given = {roles.input: expected_images(run, images, "edit")}
    codes = check_embedding(embedding.given(**given), field.names, embedding.name)
    statistics = statistics_of(run, label, code, codes.shape[2])
    for name in (*added, *removed):
        if name in field.names and not statistics.images[field.names.index(name)]:
            raise ValueError(f"no training image has the label {name}, so its row can't be drawn")
    edited = edit_embedding(
        codes,
        add=added,
        remove=removed,
        statistics=statistics,
        rivals=field.rivals(),
        names=field.names,
        generator=drawn_by(seed, "edit"),
    )
    before, after = (synthesised(reconstruction, {embedding.name: rows}) for rows in (codes, edited))
    if not after.isfinite().all():
        raise ValueError("with strengths this large the decoder's output is not finite")
    return Edited(run.tensor(roles.target).given(**given), before, after)


def statistics_of(run: Run, label: str, code: str, size: int) -> LabelStatistics:
    """Return the moments that the run stores, or those of the training data. Raises UserError if they do not fit."""
    kept, labels = run.statistics.get(owner(code)), len(attributes_field(run.tensor(label)).names)
    if kept is None:
        return moments_of_rows(run, label, code)
    shapes = {"mean": (labels, size), "covariance": (labels, size, size), "images": (labels,)}
    fit = {name: tuple(tensor.shape) for name, tensor in kept.items()} == shapes
    if not fit or not all(tensor.isfinite().all() for tensor in kept.values()):
        raise UserError(str(run.folder), f"the statistics it keeps are not the moments of the rows of {code!r}")
    return LabelStatistics(**kept)
