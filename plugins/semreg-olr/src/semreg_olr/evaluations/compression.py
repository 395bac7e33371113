"""Section 4.4: images from their embeddings, and from only the rows of evident labels."""

from __future__ import annotations

from math import prod
from typing import Annotated

import torch
from torch import Tensor

from semreg.core import Handle, Result, Role, Table
from semreg.pictures import image_grid
from semreg.trained import better, in_parts, mean_of, synthesised
from semreg_olr.evaluations.common import (
    PICTURED,
    Count,
    Threshold,
    attributes_field,
    check_embedding,
    unknown_note,
)
from semreg_olr.ssim import structural_similarity


@better(
    higher=["compression*", "similarity*"],
    lower=["squared_error*"],
    units={"compression*": "times", "similarity*": "SSIM", "squared_error*": "pixel value²"},
)
def compression(
    target: Annotated[Handle, Role.TARGET],
    embedding: Annotated[Handle, Role.CODE],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    attributes: Annotated[Handle, Role.ATTRIBUTES],
    *,
    near_zero: Threshold = 0.1,
    count: Count = PICTURED,
    pictures: Count = 12,
) -> Result:
    """Reconstruct test images from their embeddings, with all rows and with those of evident labels (4.4, Figure 6).

    The paper counts only the rows of evident labels as the compressed image, as the others are near zero. Images
    without the other rows are measured twice: `labels`, with the rows of absent labels (by the data) set to zero, which
    is the paper's count, and `norms`, with rows shorter than `near_zero` set to zero.

    Figures, over test images: `compression` (values in the image ÷ values used), `similarity` (SSIM, mean over windows
    and channels) and `squared_error` (MSE, in units of the recipe's range) with all rows; with `_labels` and `_norms`
    appended for the two.

    Args:
        target: the decoder's target images, `(batch, channels, height, width)`.
        embedding: `(batch, labels, k)`.
        reconstruction: computed from `embedding`, of the target's shape.
        attributes: `(batch, labels)`, a field of the data.
        near_zero: the norm below which a row counts as near zero.
        count: most test images to use.
        pictures: how many images to show.
    """
    names = attributes_field(attributes).names
    codes = check_embedding(embedding.read("test", count=count), names, embedding.name)
    low, high = embedding.run.value_range
    present = attributes.read("test", count=count) > 0.5
    kept = {"": torch.ones_like(present), "_labels": present, "_norms": codes.norm(dim=2) >= near_zero}
    similarities: dict[str, list[Tensor]] = {suffix: [] for suffix in kept}
    errors: dict[str, list[float]] = {suffix: [] for suffix in kept}
    strips: list[list[Tensor]] = [[] for _ in ("image", *kept)]
    sizes: list[int] = []
    for (originals,) in in_parts("test", target, count=count):
        part = slice(sum(sizes), sum(sizes) + len(originals))
        sizes.append(len(originals))
        strips[0] += originals[: pictures - len(strips[0])].clone()
        for strip, (suffix, rows) in zip(strips[1:], kept.items(), strict=True):
            images = synthesised(reconstruction, {embedding.name: codes[part] * rows[part, :, None]})
            similarities[suffix].append(structural_similarity(images, originals, data_range=high - low))
            errors[suffix].append(float((images - originals).square().mean()))
            strip.extend(images[: pictures - len(strip)].clone())
    numbers = strips[0][0].numel()
    figures: dict[str, float] = {}
    for suffix, rows in kept.items():
        used = float(rows.sum(1).float().mean()) * codes.shape[2]
        figures["compression" + suffix] = numbers / used if used else torch.nan
        figures["similarity" + suffix] = float(torch.cat(similarities[suffix]).mean())
        figures["squared_error" + suffix] = mean_of(errors[suffix], sizes)
    described = ("all rows", "rows of present labels", f"rows of norm ≥ {near_zero:g}")
    table = Table(
        "Reconstructions of test images",
        ("embedding", "compression", "SSIM", "mean squared error"),
        [
            (name, figures["compression" + suffix], figures["similarity" + suffix],
             figures["squared_error" + suffix])
            for name, suffix in zip(described, kept, strict=True)
        ],
        caption=f"Compression: {numbers} values of an image ÷ the values used of {prod(codes.shape[1:])}. The "
        "decoder was trained on all rows." + unknown_note(attributes, "here these count as absent"),
    )  # fmt: skip
    grid = image_grid(
        "Reconstructions from embeddings", strips, row_labels=["image", *described], value_range=(low, high),
        caption="The first test images and their decoded embeddings: with all rows, and with the others set to zero.",
    )  # fmt: skip
    summary = (
        f"4.4 {figures['compression']:.0f}× smaller: SSIM {figures['similarity']:.3f}, "
        f"MSE {figures['squared_error']:.4f}; {figures['compression_labels']:.0f}× (rows of present labels): "
        f"{figures['similarity_labels']:.3f}, {figures['squared_error_labels']:.4f}"
    )
    return Result(figures, {}, [table], [grid], summary)
