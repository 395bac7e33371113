"""New images of one class, to train a classifier with few of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor

from semreg.core import ClassField
from semreg.trained import (
    CHUNK,
    Run,
    class_field,
    class_number,
    decoded,
    drawn_by,
    need,
    only_attribute,
    path_of,
    rows_by_class,
    sample,
    sampled_classes,
)
from semreg_atnl.evaluations.few_shot import FEW, WEIGHTS, draw_between
from semreg_atnl.evaluations.neighbors import neighbors_of

ANYWHERE = (0.0, 1.0)


class Made(NamedTuple):
    """New images `(count, channels, height, width)` of the class `name`, number `value`, and how they were made."""

    images: Tensor
    name: str
    value: int
    way: str


def augment_class(run: Run, label: str | int, count: int, *, seed: int = 0) -> Made:
    """Make new images of one class, in the first of these ways that the roles in the recipe's `[model]` allow:

    * samples of the class, if samples have classes, as with a Gaussian-mixture prior (`semreg.trained.sample`);
    * images between training images of the class's two neighbours, if the recipe leaves the class at most 20 images
      (`data.split.shots`), at weights from 0.4 to 0.6 (Yan et al., Table II);
    * images between random pairs of training images of the class itself, at weights from 0 to 1.

    The interpolator of `[model]` makes images between others, in the code of the class. Fewer of those between
    neighbours show the class if it has many images, so this way is for classes with few.

    Args:
        run: a trained run.
        label: the class, by its name or number.
        count: how many images, at least 1.
        seed: of all draws.

    Raises UserError for roles that `[model]` lacks, and for training data that are needed and missing; ValueError for
    no images, a class that does not exist, or one with fewer than two training images.
    """
    if count < 1:
        raise ValueError(f"count: {count} images can't be made; 1 or more can")
    field = sampled_classes(run) if run.roles.sample or run.roles.prior else None
    if field is not None:
        value = class_number(field, label)
        images = sample(run, count, label=label, seed=seed)
        return Made(images, field.names[value], value, "samples of the class")
    return _interpolated(run, label, count, seed)


def _interpolated(run: Run, label: str | int, count: int, seed: int) -> Made:
    of_class, code, reconstruction = (
        run.tensor(name) for name in (*only_attribute(run, ClassField), need(run, "output").output)
    )
    field = class_field(of_class)
    value = class_number(field, label)
    name = field.names[value]
    members = rows_by_class(of_class.read("train"), len(field.names))
    generator = drawn_by(seed, "augment")
    between = _neighbors(field)
    few = value in between and name in run.shots.get(of_class.name, {}) and len(members[value]) <= FEW
    ends = between[value] if few else (value, value)
    for end in ends:
        if len(members[end]) < 2:
            raise ValueError(f"class {field.names[end]!r} has {len(members[end])} training images; two are needed")
    first, second, weight = draw_between(members, ends, count, WEIGHTS if few else ANYWHERE, generator)
    starts, stops = (rearrange(code.at("train", rows), "rows ... -> rows (...)") for rows in (first, second))
    codes = path_of(run, code=code.name)(starts, stops, weight)
    images = torch.cat([decoded(reconstruction, code, part) for part in torch.split(codes, CHUNK)])
    of = " and ".join(field.names[end] for end in dict.fromkeys(ends))
    return Made(images, name, value, f"images between training images of class {of}")


def _neighbors(field: ClassField) -> dict[int, tuple[int, int]]:
    """Return the neighbours of each class between two others."""
    try:
        return {middle: (before, after) for before, middle, after in neighbors_of(field)}
    except ValueError:  # for classes without an order, or two classes
        return {}
