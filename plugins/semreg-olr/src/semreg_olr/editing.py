"""Labels added to and removed from images of one's own (section 4.5): what `semreg edit` does."""

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
    """What the decoder is to reconstruct: the image, or a crop of it."""
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
    """Images with labels added and removed, in the code that the recipe's `[model]` says for its binary labels.

    Adding a label replaces its row of the embedding by a draw from the normal distribution of its rows over the
    training images that have it, times a strength, and zeroes the rows of labels that exclude it; removing it sets the
    row to zero, or to a draw times a strength. The order in which labels are given does not matter.

    Args:
        run: a trained run, as recipes/olr_celeba.toml makes it.
        images: `(batch, channels, height, width)` in the recipe's range, or in memory as `Run.encode` takes them.
        add: labels by name, each with its strength: 1, and None, is as in the data, above 1 more of it.
        remove: labels by name, each with the strength of what is left of it, of which 0 is nothing.
        seed: of the draws.

    The moments of the rows are kept with the run; for one that has none they are computed from the training data.
    Raises UserError for roles that `[model]` does not say, and ValueError if nothing is to be done, a label does not
    exist, no training image has it, it is both added and removed, it is added with one that excludes it, or a strength
    is no finite number, negative, 0 for a label that is added, or too large for the decoder.
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
        raise ValueError("with strengths so large what the decoder makes is not finite")
    return Edited(run.tensor(roles.target).given(**given), before, after)


def statistics_of(run: Run, label: str, code: str, size: int) -> LabelStatistics:
    """The moments that the run keeps, or those of the training data. Raises UserError if they do not fit."""
    kept, labels = run.statistics.get(owner(code)), len(attributes_field(run.tensor(label)).names)
    if kept is None:
        return moments_of_rows(run, label, code)
    shapes = {"mean": (labels, size), "covariance": (labels, size, size), "images": (labels,)}
    fit = {name: tuple(tensor.shape) for name, tensor in kept.items()} == shapes
    if not fit or not all(tensor.isfinite().all() for tensor in kept.values()):
        raise UserError(str(run.folder), f"the statistics it keeps are not the moments of the rows of {code!r}")
    return LabelStatistics(**kept)
