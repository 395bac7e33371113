"""The mathematics of OLR as pure functions: occlusion, the joint-probability loss, and editing by label statistics.

An embedding holds one row per label: `(batch, labels, k)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import torch
from annotated_types import Ge, Gt, Le
from einops import einsum, reduce
from torch import Tensor

from semreg.components.functional import gaussian_draws, in_float32
from semreg.core import closest
from semreg_olr.ssim import structural_dissimilarity

Fraction = Annotated[float, Ge(0), Le(1)]


def identity(images: Tensor) -> Tensor:
    """Return the images: the form of `occlude` in evaluations."""
    return images


def occlude(
    images: Tensor,
    *,
    low: Fraction = 0.33,
    high: Fraction = 0.66,
    fill: float = 0.0,
    probability: Fraction = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Cover one random rectangle of each image (section 3, Figure 2).

    Height and width are each uniform between `low` and `high` of the image's, rounded to whole pixels, and the position
    is uniform over those with the rectangle inside; every image has its own. The evaluation form is the identity.

    Args:
        images: `(batch, channels, height, width)`, any range.
        low, high: least and greatest side of the rectangle, as fractions of the image's side, 0 ≤ low ≤ high ≤ 1.
        fill: the value inside the rectangle, in the images' range.
        probability: the share of images that are covered at all; below 1 this is an augmentation for the classifier.
        generator: source of randomness, on any device.

    Raises:
        ValueError: if the fractions are out of order or out of [0, 1], or the images are not four-dimensional.
    """
    if images.ndim != 4:
        raise ValueError(f"images must be (batch, channels, height, width), found the shape {tuple(images.shape)}")
    if not 0 <= low <= high <= 1:
        raise ValueError(f"needs 0 <= low <= high <= 1, found low = {low} and high = {high}")
    if not 0 <= probability <= 1:
        raise ValueError(f"probability must lie in [0, 1], found {probability}")
    batch, _, height, width = images.shape
    source = images.device if generator is None else generator.device
    # The draws are the same for every dtype of images, and one call keeps a generator's state simple to follow.
    draws = torch.rand(5, batch, generator=generator, device=source).to(images.device)
    rows = _interval(draws[0], draws[1], height, low, high)
    columns = _interval(draws[2], draws[3], width, low, high)
    covered = rows[:, :, None] & columns[:, None, :] & (draws[4] < probability)[:, None, None]
    return images.masked_fill(covered[:, None], fill)


occlude.in_evaluation = identity  # type: ignore[attr-defined]


def _interval(side: Tensor, place: Tensor, length: int, low: float, high: float) -> Tensor:
    """Return membership `(batch, length)` of one random interval per image, from two uniform draws `(batch,)`."""
    extent = ((low + side * (high - low)) * length).round()
    start = (place * (length - extent + 1)).floor().clamp(max=length - extent)
    positions = torch.arange(length, device=side.device)
    return (positions >= start[:, None]) & (positions < (start + extent)[:, None])


def crop(images: Tensor, *, pixels: Annotated[int, Ge(0)] = 1) -> Tensor:
    """Remove `pixels` from every side of images `(batch, channels, height, width)`; 178 becomes 176 (section 4.4).

    Raises:
        ValueError: if nothing would be left.
    """
    height, width = images.shape[-2:]
    if pixels < 0 or 2 * pixels >= min(height, width):
        raise ValueError(f"cannot remove {pixels} pixels from each side of images of {height} by {width}")
    return images[..., pixels : height - pixels, pixels : width - pixels]


def joint_probability(probability_a: Tensor, probability_b: Tensor) -> Tensor:
    """Return the probability of each label on both images of a pair: the elementwise product `(batch, labels)`
    (section 3).

    Raises:
        ValueError: if the shapes differ.
    """
    _same_shape(probability_a, probability_b)
    return probability_a * probability_b


@in_float32
def joint_probability_loss(
    embeddings_a: Tensor,
    embeddings_b: Tensor,
    joint_probability: Tensor,
    *,
    reduction: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """Compute the mean squared error between the rows' dot products and the labels' joint probabilities (section 3,
    Figure 2).

    Args:
        embeddings_a, embeddings_b: the pair's embeddings `(batch, labels, k)`.
        joint_probability: the target `(batch, labels)`, in [0, 1].
        reduction: "mean" over batch and labels, or the "sum" over labels averaged over the batch.

    Returns:
        A scalar; zero for an empty batch.

    Raises:
        ValueError: if the shapes do not fit.
    """
    _same_shape(embeddings_a, embeddings_b)
    if embeddings_a.ndim != 3 or embeddings_a.shape[:2] != joint_probability.shape:
        raise ValueError(
            "embeddings must be (batch, labels, k) and the joint probability (batch, labels), found "
            f"{tuple(embeddings_a.shape)} and {tuple(joint_probability.shape)}"
        )
    squares = ((embeddings_a * embeddings_b).sum(-1) - joint_probability).square()
    # Divided by at least one, so that an empty batch gives a connected zero.
    return squares.sum() / max(len(squares) if reduction == "sum" else squares.numel(), 1)


@in_float32
def joint_probability_over_pairs(
    embeddings: Tensor, probability: Tensor, *, reduction: Literal["mean", "sum"] = "mean"
) -> Tensor:
    """Compute `joint_probability_loss` averaged over all pairs of two different images of a batch (decision).

    The paper draws random pairs; this is their expectation over the batch. A label of one image in ten is on both
    images of one pair in a hundred, and each batch of 64 then has forty such pairs rather than less than one, for the
    same passes through the networks.

    Args:
        embeddings: `(batch, labels, k)`.
        probability: of each label on each image, `(batch, labels)`, in [0, 1].
        reduction: "mean" over pairs and labels, or the "sum" over labels averaged over the pairs.

    Returns:
        A scalar; zero for a batch of one image or none.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if embeddings.ndim != 3 or embeddings.shape[:2] != probability.shape:
        raise ValueError(
            "embeddings must be (batch, labels, k) and the probability (batch, labels), found "
            f"{tuple(embeddings.shape)} and {tuple(probability.shape)}"
        )
    products = einsum(embeddings, embeddings, "one labels k, other labels k -> labels one other")
    joint = einsum(probability, probability, "one labels, other labels -> labels one other")
    batch, labels = probability.shape
    different = ~torch.eye(batch, dtype=torch.bool, device=embeddings.device)
    pairs = max(batch * (batch - 1), 1)
    return ((products - joint).square() * different).sum() / (pairs if reduction == "sum" else pairs * max(labels, 1))


joint_probability_over_pairs.couples_rows = True  # type: ignore[attr-defined]


def rescale(images: Tensor, *, floor: Annotated[float, Gt(0)] = 1e-3) -> Tensor:
    """Stretch each image to [0, 1] by its own least and greatest value, over all channels (Eq. 2).

    The paper does not define the extremes' scope: here it is the image (decision). The range is at least `floor`, so
    that a constant image gives zeros (decision).

    Args:
        images: `(batch, channels, height, width)`, any range.
        floor: least range to divide by, in the images' units.
    """
    least = reduce(images, "batch channels height width -> batch 1 1 1", "min")
    greatest = reduce(images, "batch channels height width -> batch 1 1 1", "max")
    return (images - least) / (greatest - least).clamp(min=floor)


@in_float32
def reconstruction_loss(
    output: Tensor,
    images: Tensor,
    *,
    alpha: Fraction = 0.5,
    floor: Annotated[float, Gt(0)] = 1e-3,
) -> Tensor:
    """Compute α·(1 − SSIM) before the rescaling plus (1 − α)·MSE after it (Eq. 3).

    Args:
        output: the decoder's last convolution, Conv2D_out, `(batch, channels, height, width)`, any range.
        images: the targets, of the same shape, in [0, 1].
        alpha: weight of the structural part.
        floor: least range in `rescale`.

    Raises:
        ValueError: if the shapes differ or the images are smaller than SSIM's window of 11 pixels.
    """
    structural = structural_dissimilarity(output, images)
    squares = (rescale(output, floor=floor) - images).square()
    return alpha * structural + (1 - alpha) * squares.sum() / max(squares.numel(), 1)


class LabelStatistics(NamedTuple):
    """For each label the moments of its rows over the images that have it."""

    mean: Tensor
    """`(labels, k)`, Eq. 4."""
    covariance: Tensor
    """`(labels, k, k)`, Eq. 5."""
    images: Tensor
    """`(labels,)`, int64: how many images have the label."""


def label_statistics(embeddings: Tensor, labels: Tensor, *, names: Sequence[str] | None = None) -> LabelStatistics:
    """Compute mean and covariance of each label's row over the images that have the label (Eq. 4–5).

    The covariance is the population's, divided by the count as in Eq. 5, computed from centred rows in float64. It is
    singular for at most k images and zero for one; `draw_embedding` accepts both.

    Args:
        embeddings: `(batch, labels, k)`.
        labels: `(batch, labels)`, present where greater than 0.5.
        names: the labels' names, for the error.

    Raises:
        ValueError: if the shapes do not fit, or if no image has some label; it is named.
    """
    if embeddings.ndim != 3 or embeddings.shape[:2] != labels.shape:
        raise ValueError(
            "embeddings must be (batch, labels, k) and the labels (batch, labels), found "
            f"{tuple(embeddings.shape)} and {tuple(labels.shape)}"
        )
    present = labels > 0.5
    count = present.sum(0)
    if (count == 0).any():
        absent = [str(index) if names is None else names[index] for index in (count == 0).nonzero().flatten().tolist()]
        raise ValueError(f"no image has the label {', '.join(absent)}: its statistics are undefined")
    means, covariances = [], []
    for label in range(labels.shape[1]):  # label by label: all at once would copy every embedding in float64
        rows = embeddings[present[:, label], label].double()
        centred = rows - rows.mean(0)
        means.append(rows.mean(0))
        covariances.append(centred.mT @ centred / len(rows))
    return LabelStatistics(torch.stack(means).to(embeddings), torch.stack(covariances).to(embeddings), count)


def draw_embedding(
    statistics: LabelStatistics,
    label: int,
    count: int,
    *,
    scale: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw rows `(count, k)` from a label's normal distribution, times `scale` (section 4.5).

    A singular covariance is valid: directions without variance get none.

    Args:
        statistics: the labels' moments.
        label: index of the label.
        count: how many rows.
        scale: factor on the whole row; above 1 exaggerates the label, below 1 weakens it (Figure 8).
        generator: source of randomness, on any device.
    """
    mean, covariance = statistics.mean[label].double(), statistics.covariance[label]
    drawn = gaussian_draws(mean, covariance, count, generator=generator)
    return (scale * drawn).to(statistics.mean.dtype)


def edit_embedding(
    embeddings: Tensor,
    *,
    add: Mapping[int, float] | Mapping[str, float] | None = None,
    remove: Mapping[int, float] | Mapping[str, float] | None = None,
    statistics: LabelStatistics | None = None,
    rivals: Sequence[Sequence[int]] | None = None,
    names: Sequence[str] | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return embeddings with labels added and removed (section 4.5, Figures 7 and 8); the input doesn't change.

    Adding replaces a label's row by a draw from its distribution, and zeroes the rows of the labels that exclude it
    (decision: the paper has no exclusive labels). Removing replaces a row by zero, or by a scaled-down draw. Every
    image gets its own draws.

    Args:
        embeddings: `(batch, labels, k)`.
        add: labels to add, by index or name, with the draw's scale: 1 as in the data, above 1 more.
        remove: labels to remove, by index or name, with the draw's scale: 0 is the zero row.
        statistics: the labels' moments, needed for every scale but 0.
        rivals: for each label the indices of those that exclude it.
        names: the labels' names, if labels are given by name.
        generator: source of randomness, on any device.

    Raises:
        ValueError: if a label does not exist, is both added and removed, is added with one that excludes it, or needs
            statistics that are not given.
    """
    labels = embeddings.shape[1]
    added = {_label_index(label, labels, names): scale for label, scale in (add or {}).items()}
    removed = {_label_index(label, labels, names): scale for label, scale in (remove or {}).items()}
    excluded = {rival for label in added for rival in rivals[label]} if rivals is not None else set()
    if both := added.keys() & removed.keys():
        raise ValueError(f"{_shown(both, names)} cannot be both added and removed")
    if clash := added.keys() & excluded:
        raise ValueError(f"{_shown(clash, names)} cannot be added together: they exclude each other")
    edited = embeddings.clone()
    edited[:, sorted(excluded)] = 0
    for label, scale in sorted((removed | added).items()):  # sorted: draws do not depend on the given order
        if scale == 0:
            edited[:, label] = 0
        elif statistics is None:
            raise ValueError(f"a row for {_shown([label], names)} at scale {scale} needs the labels' statistics")
        else:
            rows = draw_embedding(statistics, label, len(embeddings), scale=scale, generator=generator)
            edited[:, label] = rows.to(embeddings)
    return edited


def _label_index(label: int | str, labels: int, names: Sequence[str] | None) -> int:
    if isinstance(label, str):
        if names is None or label not in names:
            raise ValueError(f"there is no label {label!r}{'' if names is None else closest(label, names)}")
        return names.index(label)
    if not 0 <= label < labels:
        raise ValueError(f"there is no label {label}: the embeddings have labels 0 to {labels - 1}")
    return label


def _shown(labels: Iterable[int], names: Sequence[str] | None) -> str:
    return ", ".join(f"label {index}" if names is None else names[index] for index in sorted(labels))


def _same_shape(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise ValueError(f"the shapes must be equal, found {tuple(a.shape)} and {tuple(b.shape)}")
