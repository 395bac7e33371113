"""The mathematics of uniform disentanglement, as pure functions of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, cast

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from semreg.components.functional import in_float32, score_slopes
from semreg.components.losses import uniform_cross_entropy
from semreg.core import require_equal_shapes, shape_error

SAMPLED_SHARE = 0.1
"""The share of the points that the Hopkins statistic samples (Banerjee and Dave 2004)."""


@in_float32
def disentanglement_loss(logits_by_attribute: Sequence[Tensor]) -> Tensor:
    """Compute how far one attribute's code is from hiding the others' classes: Eq. 4, in nats, averaged over the batch.

    It is the mean over attributes of the cross-entropy between equal shares of all classes and the classifier's
    posterior. It is at least the mean of log(classes), reached if every posterior is uniform.

    Args:
        logits_by_attribute: of each *other* attribute's classifier, given this code, `(batch, classes)` each.

    Raises:
        ValueError: without logits, or if they have another shape.
    """
    if not logits_by_attribute:
        raise ValueError("disentanglement_loss needs the logits of at least one other attribute's classifier")
    return torch.stack([uniform_cross_entropy(logits) for logits in logits_by_attribute]).mean()


def shuffle_codes(
    codes: Sequence[Tensor], *, generator: torch.Generator | None = None
) -> tuple[list[Tensor], list[Tensor]]:
    """Shuffle each attribute's codes along the batch separately: Eq. 5. z₀, the first, stays.

    The paper mentions random integers in some places and permutations in others; these are permutations, independent of
    each other. A batch of one keeps its codes.

    Args:
        codes: z₀, …, z_M, `(batch, ...)` each, with one batch size.
        generator: source of the permutations.

    Returns:
        The codes in their order, and the permutations of z₁, …, z_M, int64 `(batch,)` each: the labels that belong to
            shuffled code m are `labels_m[permutations[m - 1]]`.

    Raises:
        ValueError: without codes, or if batch sizes differ.
    """
    sizes = {len(code) for code in codes}
    if len(sizes) != 1:
        raise ValueError(f"shuffle_codes needs codes of one batch size, found {sorted(sizes) or 'no codes'}")
    first, *others = codes
    device = first.device if generator is None else generator.device
    orders = [torch.randperm(len(first), generator=generator, device=device).to(first.device) for _ in others]
    return [first, *(code[order] for code, order in zip(others, orders, strict=True))], orders


@in_float32
def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, *, generator: torch.Generator | None = None
) -> Tensor:
    """Compute E[(‖∇D(x̂)‖₂ − 1)²] at random points x̂ between real and synthesised images: the last term of Eq. 9,
    without λ_gp.

    Source: Gulrajani et al., *Improved Training of Wasserstein GANs* (2017). The penalty's gradient only reaches the
    critic. D is the sum of the critic's scores of an image, as in StarGAN for patches. Each pair has one x̂, uniform on
    the line.

    Args:
        critic: from images `(batch, channels, height, width)` to scores `(batch, ...)`; no score may depend on another
            image of the batch, so no batch normalisation.
        real, fake: `(batch, channels, height, width)`, or any shape they share.
        generator: source of the points.

    Raises:
        ValueError: if shapes differ.
    """
    require_equal_shapes("gradient_penalty(critic, real, fake)", "batch ..., batch ...", real, fake)
    shape = (len(real), *[1] * (real.ndim - 1))
    device = real.device if generator is None else generator.device
    weight = torch.rand(shape, generator=generator, device=device).to(real)
    slopes = score_slopes(critic, weight * real + (1 - weight) * fake)
    excess: Tensor = torch.linalg.vector_norm(slopes, dim=1) - 1
    return excess.square().sum() / max(len(real), 1)


def hopkins_statistic(
    points: Tensor,
    *,
    sample: Annotated[int, Ge(1)] | None = None,
    exponent: Annotated[float, Gt(0)] = 1.0,
    box: tuple[Tensor, Tensor] | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Compute the Hopkins statistic Σu / (Σu + Σw) of points `(count, dimensions)`, float64 in [0, 1].

    u are distances from locations drawn uniformly in a box to their nearest points, w those from points drawn without
    replacement to their nearest others. It is about 0.5 for points uniform in the box, and 1 for points in tight
    clusters. Banerjee and Dave, *Validating Clusters Using the Hopkins Statistic* (2004).

    The value depends wholly on convention: 500 points of a normal distribution, without any clusters, give 0.66 in 8
    dimensions at exponent 1. Compare it with that of points of the same number, dimensions and box.

    Args:
        points: float `(count, dimensions)`, at least two.
        sample: how many locations, and how many points, are drawn; by default a tenth of the points, at least one.
        exponent: of the distances in both sums; 1 is common, the number of dimensions the original.
        box: the lower and the upper corner, `(dimensions,)` each; by default the least and greatest coordinates.
        generator: source of the draws.

    Raises:
        ValueError: for another shape of points or box, fewer than two points, or more draws than points.
    """
    if points.ndim != 2 or len(points) < 2:
        cause = "a nearest neighbour needs at least two points"
        raise shape_error("hopkins_statistic(points)", "count dimensions", cause, points)
    count = max(1, round(SAMPLED_SHARE * len(points))) if sample is None else sample
    if not 0 < count <= len(points):
        raise ValueError(f"hopkins_statistic: sample is {count}, and there are {len(points)} points")
    points = points.double()
    low, high = (points.amin(0), points.amax(0)) if box is None else (corner.to(points) for corner in box)
    if low.shape != points.shape[1:] or high.shape != points.shape[1:]:
        cause = "the box has a lower and an upper corner"
        raise shape_error(
            "hopkins_statistic(points, box)", "count dimensions, dimensions, dimensions", cause, points, low, high
        )
    device = points.device if generator is None else generator.device
    chances = torch.rand(count, points.shape[1], generator=generator, device=device, dtype=torch.float64)
    drawn = torch.randperm(len(points), generator=generator, device=device)[:count].to(points.device)
    places = low + chances.to(points) * (high - low)
    to_places, to_points = (
        torch.cdist(rows, points, compute_mode="donot_use_mm_for_euclid_dist") for rows in (places, points[drawn])
    )
    to_points[torch.arange(count), drawn] = torch.inf
    nearest = torch.stack([to_places.amin(1), to_points.amin(1)])
    greatest = nearest.max()
    if greatest == 0:  # all points are equal
        return points.new_tensor(0.5)
    u, w = (nearest / greatest).pow(exponent).sum(1)  # scaled first: high powers would overflow
    return cast(Tensor, u / (u + w))


def mix_codes(codes: Tensor, weights: Tensor) -> Tensor:
    """Return convex combinations Σ αᵢ zᵢ of codes: Eq. 11, and with two codes a point of the line of Eq. 12.

    The paper has αᵢ > 0; 0 is valid too, for the ends of a line.

    Args:
        codes: `(count, ...)`.
        weights: `(rows, count)`, none negative, each row of sum 1.

    Returns:
        `(rows, ...)`.

    Raises:
        ValueError: for other shapes or weights.
    """
    call = "mix_codes(codes, weights)"
    if weights.ndim != 2 or codes.ndim < 1 or weights.shape[1] != len(codes):
        raise shape_error(call, "count ..., rows count", "one weight in each row for each code", codes, weights)
    if (weights < 0).any() or ((weights.sum(1) - 1).abs() > 1e-4).any():
        raise ValueError(
            f"{call}: weights must not be negative and must have sum 1 in each row; found {weights.tolist()}"
        )
    return cast(Tensor, torch.tensordot(weights.to(codes), codes, dims=1))
