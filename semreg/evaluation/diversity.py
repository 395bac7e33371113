"""The diversity of the generated images of a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from semreg.core import Handle, Result, Role, Table
from semreg.trained import (
    before_training,
    better,
    class_field,
    image_batches,
    mean_dissimilarity,
    rows_by_class,
    scales_and_window,
    selected,
)


@better(higher=["diversity", "ratio"], units={"diversity*": "1 − MS-SSIM"})
def intra_class_diversity(
    generated: Annotated[Handle, Role.SAMPLE],
    label: Annotated[Handle, Role.LABEL],
    image: Annotated[Handle, Role.INPUT],
    *,
    count: Annotated[int, Ge(2)] = 50,
) -> Result:
    """Compute 1 − mean MS-SSIM over all pairs of a class's generated images, averaged over classes.

    Source: Zheng and Sun, *Disentangling Latent Space for VAE by Label Relevant/Irrelevant Dimensions* (2019), Eq. 12.

    Each image is also paired with itself. MS-SSIM uses as many of the five usual scales, and as wide a window up to the
    usual 11 pixels, as fit the images; the scales' weights are divided by their sum. The result states both. Levels
    depend on them, and on `count` by the pairs of an image with itself: compare ratios between methods.

    `count` images of each of ten classes, generated and real, are 10·count·(count − 1) comparisons: at 50 and 32×32
    pixels about 7 seconds of one core for grey images and 14 for colour, at 64×64 a minute for colour.

    Figures, means over classes: `diversity` of the generated images, `diversity_real` of the real test images, and
    `ratio`, the first divided by the second.

    Args:
        generated: images computed for each test image from its label, `(batch, channels, height, width)`.
        label: the field of classes that they are drawn for.
        image: the data's images.
        count: how many images of each class: the first of the test split, which are in memory together. Classes with
            fewer than two are left out.
    """
    field, labels = class_field(label), label.read("test")
    low, high = image.run.value_range
    members = [rows[:count] for rows in rows_by_class(labels, len(field.names))]
    kept = _kept(members)
    device = generated.run.device
    diversities: dict[int, list[float]] = {value: [] for value in kept}
    for handle in (generated, image):
        chosen = selected(image_batches(handle, "test"), torch.cat([members[value] for value in kept]))
        # MS-SSIM compares brightness by ratios: it needs values from 0 on.
        of_classes = torch.split((chosen - low) / (high - low), [len(members[value]) for value in kept])
        for value, images in zip(kept, of_classes, strict=True):
            diversities[value].append(mean_dissimilarity(images.to(device)))
    means = [sum(both[side] for both in diversities.values()) / len(kept) for side in (0, 1)]
    figures = {"diversity": means[0], "diversity_real": means[1]}
    if figures["diversity_real"] > 0:
        figures["ratio"] = figures["diversity"] / figures["diversity_real"]
    scales, window = scales_and_window(min(chosen.shape[2:]))
    caption = (
        f"1 − mean MS-SSIM over all pairs of a class, including each image with itself; {scales} scales and a "
        f"window of {window} pixels (usual: 5 and 11), the scales' weights divided by their sum. The value depends on "
        "this and on the number of images; compare only ratios."
    )
    rows = [
        (name, len(members[value]), *diversities.get(value, (None, None))) for value, name in enumerate(field.names)
    ]
    table = Table(
        "Diversity within classes",
        ("class", "images", "generated", "real test images"),
        [("mean", None, *means), *rows],
        caption=caption,
        digits=4,
    )
    left_out = len(members) - len(kept)
    summary = (
        f"diversity within classes {figures['diversity']:.4f}, of real test images {figures['diversity_real']:.4f}"
        + (f"; {left_out} of {len(members)} classes left out, with fewer than two test images" if left_out else "")
    )
    return Result(figures=figures, tables=[table], summary=summary)


def _kept(members: Sequence[Tensor]) -> list[int]:
    """Return the classes with pairs of test images. Raises ValueError if there are none."""
    kept = [value for value, rows in enumerate(members) if len(rows) > 1]
    if not kept:
        raise ValueError("no class has two test images, and diversity is of pairs")
    return kept


@before_training(intra_class_diversity)
def _before_training(generated: Handle, label: Handle, image: Handle, **options: Any) -> None:
    """Raise ValueError if no class has two test images."""
    _kept(rows_by_class(label.read("test"), len(class_field(label).names)))
