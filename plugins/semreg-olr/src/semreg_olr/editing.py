"""Labels added to and removed from images of one's own (section 4.5): what `semreg edit` does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from semreg.core import UserError, seed_of
from semreg.trained import EvaluationInputs, Run, first_evaluation_inputs, image_field, synthesised
from semreg_olr.evaluations.common import attributes_field, check_embedding, moments
from semreg_olr.functional import LabelStatistics, edit_embedding


class Edited(NamedTuple):
    """Images `(batch, channels, height, width)` in the recipe's range."""

    image: Tensor
    """What the decoder is to reconstruct: the image, or a crop of it."""
    reconstruction: Tensor
    edited: Tensor


def edit(
    run: Run,
    images: Tensor,
    *,
    add: Mapping[str, float | None] | None = None,
    remove: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Edited:
    """Images with labels added and removed, as the evaluation `attribute_editing` of the run's recipe does it.

    Adding a label replaces its row of the embedding by a draw from the normal distribution of its rows over the
    training images that have it, times a strength, and zeroes the rows of labels that exclude it; removing it sets the
    row to zero, or to a draw times a strength. The order in which labels are given does not matter.

    Args:
        run: a trained run whose recipe has such an evaluation.
        images: `(batch, channels, height, width)` in the recipe's range, as `read_images` gives them.
        add: labels by name, each with its strength: 1 is as in the data, above 1 more of it, None the evaluation's own.
        remove: labels by name, each with the strength of what is left of it, of which 0 is nothing.
        seed: of the draws.

    The moments of the rows are kept with the evaluation; for a run that has none they are computed from the training
    data. Raises UserError if the recipe has no such evaluation, and ValueError if nothing is to be done, a label does
    not exist, no training image has it, it is both added and removed, it is added with one that excludes it, or a
    strength is no finite number, negative, 0 for a label that is added, or too large for the decoder.
    """
    found = first_evaluation_inputs(
        run, "attribute_editing", says="which tensor has a row for each label", recipe="recipes/olr_celeba.toml"
    )
    embedding, reconstruction, attributes, target = found.inputs
    field = attributes_field(attributes)
    added = {name: found.options["scale"] if strength is None else strength for name, strength in (add or {}).items()}
    removed = dict(remove or {})
    if not added and not removed:
        raise ValueError(f"no label is to be added or removed; there is: {', '.join(field.names)}")
    for verb, least, strengths in (("added", "above 0", added), ("removed", "0 or above", removed)):
        for name, strength in strengths.items():
            if not (math.isfinite(strength) and strength >= 0 and (strength or strengths is removed)):
                raise ValueError(f"{name} is to be {verb} with a strength {least}, found {strength:g}")
    given = {image_field(run)[0]: images}
    codes = check_embedding(embedding.given(**given), field.names, embedding.name)
    statistics = _statistics(run, found, codes.shape[2])
    for name in (*added, *removed):
        if name in field.names and not statistics.images[field.names.index(name)]:
            raise ValueError(f"no training image has the label {name}, so nothing is known of it")
    edited = edit_embedding(
        codes,
        add=added,
        remove=removed,
        statistics=statistics,
        rivals=field.rivals(),
        names=field.names,
        generator=torch.Generator().manual_seed(seed_of(seed, "edit")),
    )
    before, after = (synthesised(reconstruction, {embedding.name: rows}) for rows in (codes, edited))
    if not after.isfinite().all():
        raise ValueError("with strengths so large what the decoder makes is not finite")
    return Edited(target.given(**given), before, after)


def _statistics(run: Run, found: EvaluationInputs, size: int) -> LabelStatistics:
    """The moments that the evaluation kept, or those of the training data. Raises UserError if they do not fit."""
    embedding, _, attributes, _ = found.inputs
    names, stored = attributes_field(attributes).names, run.result(found.name)
    kept = stored.arrays if stored is not None else {}
    if not kept:
        codes = check_embedding(embedding.read("train"), names, embedding.name)
        return moments(codes, attributes.read("train"))
    shapes = {"mean": (len(names), size), "covariance": (len(names), size, size), "images": (len(names),)}
    fit = {name: array.shape for name, array in kept.items()} == shapes
    if not fit or not all(np.isfinite(array).all() for array in kept.values()):
        raise UserError(
            str(run.folder), f"the arrays of {found.name} are not the moments of the labels' rows; evaluate again"
        )
    return LabelStatistics(**{name: torch.from_numpy(array) for name, array in kept.items()})
