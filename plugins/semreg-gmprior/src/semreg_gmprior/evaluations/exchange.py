"""z_s of one image combined with z_u of another (Figure 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch
from annotated_types import Gt
from torch import Tensor

from semreg.core import Handle, Picture, Reads, Result, Role, TrainedRun
from semreg.pictures import image_grid
from semreg.trained import CHUNK, before_training, better, class_field, gathered, read_codes, synthesised, verdicts

Count = Annotated[int, Gt(0)]
SHOWN_FROM = 1000
"""The picture's images are drawn from so many test images, the first ones."""
Decode = Callable[[Tensor, Tensor], Tensor]
"""Images of z_s of some test images and z_u of others, by their rows."""


@better(higher=["follows_relevant"], lower=["follows_irrelevant"], units={"*": "share"})
def exchange(
    image: Annotated[Handle, Role.INPUT],
    relevant: Annotated[Handle, Role.CODE],
    irrelevant: Annotated[Handle, Role.REST],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    label: Annotated[Handle | None, Role.LABEL] = None,
    *,
    rows: Count = 6,
    columns: Count = 8,
    count: Count = 2000,
    split: Literal["test", "unlabelled"] = "test",
    judge: Annotated[TrainedRun | None, Reads("probability")] = None,
    generator: torch.Generator | None = None,
) -> Result:
    """Decode z_s of one image with z_u of another, as a picture; with a judge, count whose class the images show.

    Zheng and Sun, section 4.4, Figure 6. The class should follow z_s.

    Figures, with judge and label, over random pairs of test images of different classes: `follows_relevant`, the share
    in which the judge sees the class of the image that gave z_s; `follows_irrelevant`, of the one that gave z_u. An
    upper limit in practice: `judge_on_reconstructions`, its accuracy if both codes are of one image.

    Args:
        image: the data's images.
        relevant: z_s, `(batch, code)`.
        irrelevant: z_u, `(batch, code)`.
        reconstruction: images computed from both codes, `(batch, channels, height, width)`.
        label: a field of classes, for the judge.
        rows, columns: how many random images supply z_s, and z_u, for the picture.
        count: most pairs that are judged.
        split: whose images: test ones, or those that the recipe trains on without labels (Figure 6).
        judge: a run on the same data with a tensor `probability` `(batch, classes)` read from `image`.
        generator: source of the draw of images.

    Raises ValueError for a judge without a label, or of images without labels, and for test images of one class.
    """
    if judge is not None and split == "unlabelled":
        raise ValueError("a judge knows no class of unlabelled images; leave it out, or take the test images")
    z_s, z_u = read_codes(relevant, split), read_codes(irrelevant, split)
    low, high = image.run.value_range

    def decode(first: Tensor, second: Tensor) -> Tensor:
        return synthesised(reconstruction, {relevant.name: z_s[first], irrelevant.name: z_u[second]})

    order = torch.randperm(min(len(z_s), SHOWN_FROM), generator=generator)
    _require_images(rows, columns, split, len(order))
    across, down = order[:columns], order[columns : columns + rows]
    above, left = image.at(split, across), image.at(split, down)
    blank = torch.full_like(above[0], high)
    grid = [[blank, *above]]
    grid += [[original, *decode(row.expand(columns), across)] for original, row in zip(left, down, strict=True)]
    picture = image_grid(
        "Codes of two images", grid, value_range=(low, high),
        caption=f"z_s of the image on the left with z_u of the image above; {split} images drawn at random.",
    )  # fmt: skip
    if judge is None:
        return Result(pictures=[picture])
    if label is None:
        raise ValueError("with a judge the label is needed: exchange(image, z_s, z_u, reconstruction, label)")
    return _judged(picture, label, judge, decode, count, generator)


@before_training(exchange)
def _before_training(image: Handle, *handles: Handle, rows: int, columns: int, split: str, **options: Any) -> None:
    """Raise ValueError if the picture needs more images than there are."""
    _require_images(rows, columns, split, min(image.run.counts[split], SHOWN_FROM))


def _require_images(rows: int, columns: int, split: str, count: int) -> None:
    if rows + columns > count:
        raise ValueError(f"{rows} rows and {columns} columns need as many {split} images, of {count}")


def _judged(
    picture: Picture, label: Handle, judge: TrainedRun, decode: Decode, count: int, generator: torch.Generator | None
) -> Result:
    field, labels = class_field(label), label.read("test")
    first = torch.randperm(len(labels), generator=generator)
    second = torch.randint(len(labels), (len(labels),), generator=generator)
    different = labels[first] != labels[second]
    first, second = first[different][:count], second[different][:count]
    if not len(first):
        raise ValueError("no two test images of different classes were drawn; codes are exchanged between such")

    def seen(one: Tensor, other: Tensor) -> Tensor:
        parts = zip(torch.split(one, CHUNK), torch.split(other, CHUNK), strict=True)
        found: Tensor = gathered((verdicts(judge, decode(a, b), field) for a, b in parts), len(one))
        return found

    found, own = seen(first, second), seen(first, first)
    figures = {
        name: float((verdict == labels[rows]).float().mean())
        for name, verdict, rows in (
            ("follows_relevant", found, first),
            ("follows_irrelevant", found, second),
            ("judge_on_reconstructions", own, first),
        )
    }
    summary = (
        f"{len(first)} images with z_s of one image and z_u of another: the judge sees the class of z_s in "
        f"{figures['follows_relevant']:.1%}, of z_u in {figures['follows_irrelevant']:.1%} "
        f"({figures['judge_on_reconstructions']:.1%} if both are of one image)"
    )
    return Result(figures=figures, pictures=[picture], summary=summary)
