"""Convex combinations of several images' codes of one attribute (Figure 9, Eq. 11)."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt

from semreg.core import Handle, Reads, Result, Role, TrainedRun
from semreg.pictures import image_grid
from semreg.trained import before_training, better, synthesised
from semreg_uniform.evaluations.common import agreement, attributes_of, check_names, kept, seen_in
from semreg_uniform.functional import mix_codes

MOST = 0.6
"""The weight of one image in the uneven mixtures."""


@better(higher=["kept_*"], units={"*": "share"})
def attribute_mixture(
    image: Annotated[Handle, Role.INPUT],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    *codes_and_labels: Annotated[Handle, Role.REST, Role.CODE, Role.LABEL],
    attribute: str = "identity",
    images: Annotated[int, Ge(2)] = 3,
    mixtures: Annotated[int, Gt(0)] = 6,
    judge: Annotated[TrainedRun | None, Reads("probability_{label}")] = None,
    generator: torch.Generator | None = None,
) -> Result:
    """Mix one attribute of several test images of different classes, in the first of these images (Figure 9).

    `attribute_mixture(image, x_f, z_0, *z_{m}, *{m})`: each row has the images, the mixture in equal shares, and those
    with 60 % of one image after the other. All other codes are the first image's.

    Figures, with a judge: `kept_NAME`, the share of mixtures whose other attributes are seen as the first image's.

    Args:
        image: the data's images.
        reconstruction: images computed from only the codes, `(batch, channels, height, width)`.
        codes_and_labels: z_0, if there is one, the code of each attribute `(batch, ...)`, and as many labels.
        attribute: the attribute to mix.
        images: how many are mixed.
        mixtures: how many rows of them.
        judge: a run with a tensor `probability_NAME` `(batch, classes)` read from `image` for each attribute.
        generator: source of the images.
    """
    attributes = attributes_of("attribute_mixture(image, x_f, z_0, *codes, *labels)", codes_and_labels)
    attributes.field(attribute)
    labels = attributes.read_labels("test")
    classes = torch.unique(labels[attribute])
    if len(classes) < images:
        raise ValueError(f"the test images have {len(classes)} classes of {attribute}; mixing needs {images}")
    generator = generator or torch.Generator().manual_seed(0)
    rest = torch.full((images, images), (1 - MOST) / (images - 1)).fill_diagonal_(MOST)
    weights = torch.cat([torch.full((1, images), 1 / images), rest])
    code = attributes.codes[attribute]
    rows: list[list[torch.Tensor]] = []
    shares: list[dict[str, float]] = []
    for _ in range(mixtures):
        chosen = classes[torch.randperm(len(classes), generator=generator)[:images]]
        sources = torch.stack([_any_of(labels[attribute] == value, generator) for value in chosen])
        codes = attributes.read("test", sources)
        mixed = mix_codes(codes[code.name], weights)
        firsts = {name: values[:1].expand(len(weights), *values.shape[1:]) for name, values in codes.items()}
        made = synthesised(reconstruction, firsts | {code.name: mixed})
        rows.append([*image.at("test", sources), *made])
        if judge is not None:
            own = {name: label[sources[0]] for name, label in labels.items() if name != attribute}
            shares.append(agreement(seen_in(judge, made, attributes), own))
    said = ["even", *(f"{MOST:.0%} of {place}" for place in range(1, images + 1))]
    grid = image_grid(
        f"Mixtures of {attribute}",
        rows,
        column_labels=[*(f"image {place}" for place in range(1, images + 1)), *said],
        value_range=reconstruction.run.value_range,
        caption=f"Random test images of different classes, unselected. Only the code of {attribute} is mixed; all "
        "others are the first image's.",
    )
    return Result(kept(shares), pictures=[grid])


def _any_of(chosen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    rows = chosen.nonzero().flatten()
    return rows[torch.randint(len(rows), (), generator=generator)]


@before_training(attribute_mixture)
def _before_training(
    image: Handle, reconstruction: Handle, *codes_and_labels: Handle, attribute: str, images: int, **options: Any
) -> None:
    """Raise ValueError for attributes that do not exist, or have too few classes."""
    check_names("attribute_mixture(image, x_f, z_0, *codes, *labels)", codes_and_labels, [attribute], classes=images)
