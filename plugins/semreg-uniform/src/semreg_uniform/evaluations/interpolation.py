"""Interpolation of one attribute's code between two images (Figures 10, 11 and 12; Eq. 12)."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from einops import rearrange, repeat
from torch import Tensor

from semreg.core import Handle, Reads, Result, Role, Table, TrainedRun
from semreg.pictures import image_grid
from semreg.trained import before_training, better, draw_pairs, rows_by_class, selected, synthesised
from semreg_uniform.evaluations.common import (
    Attributes,
    agreement,
    attributes_of,
    check_names,
    draw_rows,
    kept,
    seen_in,
)
from semreg_uniform.functional import mix_codes


@better(higher=["*"], units={"*": "share"})
def attribute_interpolation(
    reconstruction: Annotated[Handle, Role.OUTPUT],
    *codes_and_labels: Annotated[Handle, Role.REST, Role.CODE, Role.LABEL],
    attribute: str = "expression",
    judge: Annotated[TrainedRun | None, Reads("probability_{label}")] = None,
    images: Annotated[int, Ge(3)] = 9,
    pairs: Annotated[int, Gt(0)] = 100,
    pictures: Annotated[int, Gt(0)] = 4,
    generator: torch.Generator | None = None,
) -> Result:
    """Move the code of one attribute along the line between two test images', in a third: between classes and within
    one.

    `attribute_interpolation(x_f, z_0, *z_{m}, *{m})`. All other codes are those of the third image, a random one.

    Figures, with a judge: `ends`, the share of strips between classes whose first and last images are seen as the
    classes of the two images; `one_change`, of strips that change once, from the one to the other; `within`, of strips
    between images of one class that show it throughout; `kept_NAME`, for each other attribute, the share of all images
    that show the third image's class.

    Args:
        reconstruction: images computed from only the codes, `(batch, channels, height, width)`.
        codes_and_labels: z_0, if there is one, the code of each attribute `(batch, ...)`, and as many labels.
        attribute: the attribute to interpolate.
        judge: a run with a tensor `probability_NAME` `(batch, classes)` read from `image` for each attribute.
        images: how many to a strip, the two ends included.
        pairs: how many strips between classes, and within.
        pictures: how many of each are shown, the first ones.
        generator: source of the pairs and of the third images.
    """
    attributes = attributes_of("attribute_interpolation(x_f, z_0, *codes, *labels)", codes_and_labels)
    field = attributes.field(attribute)
    labels = attributes.read_labels("test")
    members = rows_by_class(labels[attribute], len(field.names))
    present = [value for value, rows in enumerate(members) if len(rows)]
    across = [(a, b) for a in present for b in present if a != b]
    if not across:
        raise ValueError(f"the test images are of one class of {attribute}; a line between classes needs two")
    generator = generator or torch.Generator().manual_seed(0)
    figures: dict[str, float] = {}
    grids, shares = [], []
    for title, between in (("between classes", across), ("within a class", [(value, value) for value in present])):
        first, second, _ = draw_pairs(members, between, pairs, generator)
        thirds = draw_rows(torch.arange(len(labels[attribute])), pairs, generator)
        made = strips(attributes, reconstruction, attribute, (first, second, thirds), images)
        names = None
        if judge is not None:
            each = rearrange(made, "pairs images ... -> (pairs images) ...")
            seen = {
                name: rearrange(value, "(pairs images) -> pairs images", images=images)
                for name, value in seen_in(judge, each, attributes).items()
            }
            ends = labels[attribute][torch.stack([first, second])]
            figures |= _measured(seen[attribute], ends) if between is across else _within(seen[attribute], ends[0])
            third = {name: label[thirds, None] for name, label in labels.items() if name != attribute}
            shares.append(agreement(seen, third))
            names = [[field.names[value] for value in strip] for strip in seen[attribute][:pictures].tolist()]
        grids.append(
            image_grid(
                f"{attribute.capitalize()} {title}",
                list(made[:pictures]),
                row_labels=[
                    f"{field.names[a]} → {field.names[b]}"
                    for a, b in zip(labels[attribute][first], labels[attribute][second], strict=True)
                ][:pictures],
                image_labels=names,
                value_range=reconstruction.run.value_range,
                caption="The first random pairs of test images, unselected, in a random third test image."
                + (" Under each image: the class that an independent classifier sees." if names else ""),
            )
        )
    figures |= kept(shares)
    table = Table(f"Strips of {attribute}, as the judge sees them", ("figure", "share"), list(figures.items()))
    summary = f"{attribute} changes once in {figures['one_change']:.1%} of strips between classes" if shares else ""
    return Result(figures, {}, [table] if shares else [], grids, summary)


def strips(
    attributes: Attributes, reconstruction: Handle, attribute: str, rows: tuple[Tensor, Tensor, Tensor], images: int
) -> Tensor:
    """Return images `(pairs, images, channels, height, width)` along the lines from `rows[0]`'s to
    `rows[1]`'s codes."""
    first, second, thirds = rows
    code = attributes.codes[attribute]
    ends = selected(code.batches("test"), torch.stack([first, second], 1).flatten())
    share = torch.linspace(1, 0, images)
    weights = torch.stack([share, 1 - share], 1)
    mixed = torch.cat([mix_codes(pair, weights) for pair in ends.split(2)])
    others = attributes.read("test", repeat(thirds, "pairs -> (pairs images)", images=images))
    made = synthesised(reconstruction, others | {code.name: mixed})
    return rearrange(made, "(pairs images) ... -> pairs images ...", images=images)


def _measured(seen: Tensor, ends: Tensor) -> dict[str, float]:
    """Return the figures of verdicts on strips `(pairs, images)` between images of the classes `ends` `(2, pairs)`."""
    right = (seen[:, 0] == ends[0]) & (seen[:, -1] == ends[1])
    once = right & ((seen[:, 1:] != seen[:, :-1]).sum(1) == 1)
    return {"ends": float(right.float().mean()), "one_change": float(once.float().mean())}


def _within(seen: Tensor, classes: Tensor) -> dict[str, float]:
    return {"within": float((seen == classes[:, None]).all(1).float().mean())}


@before_training(attribute_interpolation)
def _before_training(reconstruction: Handle, *codes_and_labels: Handle, attribute: str, **options: Any) -> None:
    """Raise ValueError for attributes that do not exist, or have too few classes."""
    check_names("attribute_interpolation(x_f, z_0, *codes, *labels)", codes_and_labels, [attribute], classes=2)
