"""Inpainting: a model fills in removed parts of images from the rest (section 4.5, Figure 7)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt, Interval, MinLen
from torch import Tensor

from semreg.core import Cell, Handle, Reads, Result, Role, Table, TrainedRun
from semreg.pictures import image_grid
from semreg.trained import before_training, better, class_field, in_parts, mean_of, verdicts
from semreg_gmprior.evaluations.masks import BOXES, mask_of
from semreg_gmprior.filling import FILL, NOISE, Filling

Count = Annotated[int, Gt(0)]


@better(higher=["psnr*", "recognised*"], units={"psnr*": "dB", "recognised*": "share"})
def inpainting(
    image: Annotated[Handle, Role.INPUT],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    label: Annotated[Handle | None, Role.LABEL] = None,
    *,
    masks: Annotated[Sequence[str], MinLen(1)] = tuple(BOXES),
    fill: Annotated[float, Interval(ge=0, le=1)] | Literal["mean"] = FILL,
    passes: Count = 1,
    steps: Annotated[int, Ge(0)] = 0,
    noise: Annotated[float, Gt(0)] = NOISE,
    count: Count = 1000,
    pictures: Count = 10,
    judge: Annotated[TrainedRun | None, Reads("probability")] = None,
) -> Result:
    """Fill in a removed part of test images with their reconstruction: M⊙x′ + (1 − M)⊙x.

    The model sees one grey, `fill`, in the removed part M: by default the middle of the range (decision; the paper does
    not state what its encoders see). Zheng and Sun, section 4.5 and Figure 7. `passes`, `steps` and the fill "mean" go
    beyond the paper.

    Figures, for each mask NAME, of the first `count` test images: `psnr_NAME`, 10·log₁₀(range² / mean squared error) in
    decibels, with the error over the part in all images; `psnr_fill_NAME`, the same of the first fill, and
    `psnr_mean_image_NAME`, of the mean training image. Their means over the masks have no NAME. With a judge and a
    label: `recognised_NAME`, the share of filled images whose class the judge sees, and `recognised_fill_NAME`, the
    same of the model's input.

    Args:
        image: the data's images, `(batch, channels, height, width)`.
        reconstruction: images of that shape, computed from `image`, and from `label` if it needs one.
        label: a field of classes.
        masks: `right_half`, `eyes`, `nose_mouth`, `bottom_half` (the boxes of faces aligned as CelebA's, cropped to the
            central square), or paths from the working folder to images, white at the removed part, which are cropped
            and resized as images of any size are.
        fill: from 0, the range's lower end, to 1, its upper; or "mean", the mean training image.
        passes: how often the image is reconstructed, each time from the previous filled image.
        steps: of Adam, in the last pass, which move the codes of `[model]` that are read from the image until the
            reconstruction x′ is the image x outside the part, and the codes are probable under their priors: they
            minimise Σ (x′ − x)² / (2·noise²) − log p(z), the sum over pixels.
        noise: the standard deviation of a pixel about its reconstruction, as a share of the range.
        count: most test images.
        pictures: how many of them are shown.
        judge: a run on the same data with a tensor `probability` `(batch, classes)` read from `image`.

    Raises ValueError for a mask that does not fit, for a judge without a label, and with steps if `[model]` lacks a
    code that is read from the image.
    """
    if judge is not None and label is None:
        raise ValueError("with a judge the label is needed: inpainting(image, reconstruction, label)")
    low, high = image.run.value_range
    parts = _parts(image, masks)
    average = _mean_image(image)
    filling, put = Filling(passes=passes, steps=steps, noise=noise), average if fill == "mean" else fill
    errors: dict[str, list[float]] = {}
    right: dict[str, list[Tensor]] = {}
    sizes: list[int] = []
    rows: list[list[Tensor]] = [[] for _ in range(1 + 2 * len(parts))]
    for originals, *labels in in_parts("test", *([image] if label is None else [image, label]), count=count):
        sizes.append(len(originals))
        left = pictures - len(rows[0])
        rows[0] += originals[:left].clone()
        for place, (name, mask) in enumerate(parts.items()):
            given = {} if label is None else {label.name: labels[0]}
            corrupted, filled = filling(image, reconstruction, originals, mask, put, **given)
            for kind, values in (("psnr", filled), ("psnr_fill", corrupted), ("psnr_mean_image", average)):
                errors.setdefault(f"{kind}_{name}", []).append(_squared_error(values, originals, mask))
            if judge is not None and label is not None:
                for kind, values in (("recognised", filled), ("recognised_fill", corrupted)):
                    seen = verdicts(judge, values, class_field(label))
                    right.setdefault(f"{kind}_{name}", []).append(seen == labels[0])
            rows[2 * place + 1] += corrupted[:left].clone()
            rows[2 * place + 2] += filled[:left].clone()
    figures = {name: _psnr(mean_of(means, sizes), high - low) for name, means in errors.items()}
    figures |= {name: float(torch.cat(each).float().mean()) for name, each in right.items()}
    row_labels = ["image", *(said for name in parts for said in (name.replace("_", " "), "filled in"))]
    kinds = [key.removesuffix(f"_{name}") for key in figures if key.endswith(f"_{name}")]
    means = {kind: math.fsum(figures[f"{kind}_{name}"] for name in parts) / len(parts) for kind in kinds}
    columns = [kind.replace("_", " ") for kind in kinds]
    lines: list[list[Cell]] = [
        [name.replace("_", " "), *(figures[f"{kind}_{name}"] for kind in kinds)] for name in parts
    ]
    table = Table(
        "Inside the removed part",
        ("mask", *columns),
        [*lines, ["mean", *means.values()]],
        caption=f"PSNR in dB over {sum(sizes)} test images: of the model, of its masked input and of the mean "
        "training image.",
        digits=2,
    )
    grid = image_grid(
        "Parts filled in", rows, row_labels=row_labels, value_range=(low, high),
        caption="Test images in order, the model's masked input, and its reconstruction set into the removed part.",
    )  # fmt: skip
    summary = (
        f"parts filled in: PSNR {means['psnr']:.2f} dB inside them (masked input {means['psnr_fill']:.2f}, mean "
        f"training image {means['psnr_mean_image']:.2f})"
    )
    return Result(figures=means | figures, tables=[table], pictures=[grid], summary=summary)


@before_training(inpainting)
def _before_training(image: Handle, *_: Any, masks: Sequence[str], **options: Any) -> None:
    """Raise ValueError for masks that don't fit."""
    _parts(image, masks)


def _parts(image: Handle, masks: Sequence[str]) -> dict[str, Tensor]:
    """Return the removed parts, by name, bool `(height, width)`. Raises ValueError for masks that don't fit."""
    height, width = image.at("test", torch.zeros(1, dtype=torch.int64)).shape[-2:]
    parts = dict(mask_of(name, height, width) for name in masks)
    if len(parts) < len(masks):
        raise ValueError(f"masks: two of {', '.join(masks)} have one name")
    return parts


def _mean_image(image: Handle) -> Tensor:
    """Return the mean of all training images, `(channels, height, width)`, computed in batches."""
    total, rows = torch.zeros(()), 0
    for values in image.batches("train"):
        total, rows = total + values.double().sum(0), rows + len(values)
    return (total / max(rows, 1)).float()


def _squared_error(values: Tensor, originals: Tensor, mask: Tensor) -> float:
    """Return the mean over all pixels of the mask in all images together. `values` broadcast to the images."""
    return float((values - originals).square()[..., mask].double().mean())


def _psnr(error: float, reach: float) -> float:
    """Convert a mean squared error to decibels; infinite if nothing differs."""
    return 10 * math.log10(reach**2 / error) if error else math.inf
