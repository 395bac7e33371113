"""New images of one class, for whoever trains a classifier with few of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor

from semreg.core import UserError, seed_of
from semreg.trained import (
    CHUNK,
    EvaluationInputs,
    Run,
    class_field,
    class_number,
    decoded,
    evaluation_inputs,
    interpolations,
    path_of,
    rows_by_class,
    sample,
    sampled_classes,
)
from semreg_atnl.evaluations.few_shot import draw_between
from semreg_atnl.evaluations.neighbors import neighbors_of

ANYWHERE = (0.0, 1.0)


class Made(NamedTuple):
    """New images `(count, channels, height, width)` of the class `name`, number `value`, and how they were made."""

    images: Tensor
    name: str
    value: int
    way: str


def augment_class(run: Run, label: str | int, count: int, *, seed: int = 0) -> Made:
    """New images of one class, made in the first of these ways that the run's recipe has:

    * samples of the class, where `inception_score` or `intra_class_diversity` says that samples are of classes, as with
      a Gaussian-mixture prior (`semreg.trained.sample`);
    * images between training images of the class's two neighbours, where it is a few-shot class of an evaluation
      `few_shot`, with the interpolator and the weights of this evaluation (Yan et al., Table II);
    * images between random pairs of training images of the class itself, at weights from 0 to 1, by the interpolator of
      the first evaluation that has any, such as `interpolation_strip`.

    Between the neighbours of a class with many images fewer are of the class: that way is for those with few.

    Args:
        run: a trained run.
        label: the class, by its name or number.
        count: how many images, at least 1.
        seed: of all draws.

    Raises UserError for a run with none of these ways, or whose training data are needed and missing; ValueError for no
    images, a class that does not exist, or of which fewer than two training images are there.
    """
    if count < 1:
        raise ValueError(f"count: {count} images can't be made; 1 or more can")
    field = sampled_classes(run)
    if field is not None:
        value = class_number(field, label)
        images = sample(run, count, label=label, seed=seed)
        return Made(images, field.names[value], value, "samples of the class")
    evaluations = interpolations(run)
    if not evaluations:
        raise UserError(
            str(run.folder),
            "this run has no evaluation that says how images of a class are made: inception_score, as in "
            "recipes/gm_mnist.toml, for samples, or interpolation_strip, as in recipes/atnl_mnist.toml",
        )
    few = evaluation_inputs(run, "few_shot")
    return _interpolated(run, [*few, *evaluations], label, count, seed)


def _interpolated(run: Run, evaluations: list[EvaluationInputs], label: str | int, count: int, seed: int) -> Made:
    named, options = evaluations[0].named, evaluations[0].options
    code, reconstruction = named["code"], named["reconstruction"]
    field = class_field(named["label"])
    value = class_number(field, label)
    name = field.names[value]
    members = rows_by_class(named["label"].read("train"), len(field.names))
    generator = torch.Generator().manual_seed(seed_of(seed, "augment"))
    if evaluations[0].component == "few_shot" and len(members[value]) <= options["few"]:
        neighbors = {between: (before, after) for before, between, after in neighbors_of(field)}
    else:
        neighbors = {}
    ends = neighbors.get(value, (value, value))
    for end in ends:
        if len(members[end]) < 2:
            raise ValueError(f"class {field.names[end]!r} has {len(members[end])} training images; two are needed")
    weights = options["weights"] if value in neighbors else ANYWHERE
    first, second, weight = draw_between(members, ends, count, weights, generator)
    path = path_of(run, evaluations, None)
    starts, stops = (rearrange(code.at("train", rows), "rows ... -> rows (...)") for rows in (first, second))
    codes = path(starts, stops, weight)
    images = torch.cat([decoded(reconstruction, code, part) for part in torch.split(codes, CHUNK)])
    between = " and ".join(field.names[end] for end in dict.fromkeys(ends))
    return Made(images, name, value, f"images between training images of class {between}")
