"""Operations: functions of tensors that recipes call under `[tensors]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, cast

import torch
from annotated_types import Ge, Gt, Interval, MinLen
from einops import rearrange, reduce
from torch import Tensor
from torch.nn import functional
from torch.nn.functional import affine_grid, grid_sample

from semreg.components.posteriors import centre_of, drawn_from
from semreg.components.values import map_tensors
from semreg.core import (
    DiagonalGaussian,
    Prior,
    Role,
    require_classes,
    require_equal_shapes,
    shape_error,
)

Positive = Annotated[float, Gt(0)]
TensorOrPosterior = TypeVar("TensorOrPosterior", bound=Tensor | tuple[Tensor, ...])


def concatenate(*tensors: Tensor) -> Tensor:
    """Join codes `(batch, code)` along the code, or maps `(batch, channels, height, width)` along the channels."""
    return torch.cat(tensors, dim=1)


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """Return the element-wise product a·b; shapes broadcast."""
    return a * b


def pooled(code: Tensor, *, cells: Annotated[int, Ge(1)] = 1) -> Tensor:
    """Average a spatial code `(batch, channels, height, width)` over space to vectors `(batch, channels·cells²)`.

    The maps are cut into `cells` times `cells` equal rectangles, and each gives its mean; by default one, the whole
    map. It is for losses that read vectors, such as `predictability`. Raises ValueError if a side is not divisible by
    `cells`, or the code has another shape.
    """
    if code.ndim != 4 or code.shape[2] % cells or code.shape[3] % cells:
        cause = f"its maps can't be cut into {cells} × {cells} equal cells"
        raise shape_error("pooled(code)", "batch channels height width", cause, code)
    pattern = "batch channels (down height) (across width) -> batch (channels down across)"
    return reduce(code, pattern, "mean", down=cells, across=cells)


def average(*tensors: Tensor, weights: Annotated[Sequence[float], MinLen(1)] | None = None) -> Tensor:
    """Return the weighted mean of tensors of one shape, in that shape; equal weights by default.

    `weights`, one for each tensor, are divided by their sum. Raises ValueError if shapes differ, if there is not one
    weight for each tensor, or if their sum is 0.
    """
    if not tensors:
        raise ValueError("average(tensor, ...) needs at least one tensor")
    shares = [1.0] * len(tensors) if weights is None else list(weights)
    if len(shares) != len(tensors) or not sum(shares):
        raise ValueError(f"average needs one weight for each of {len(tensors)} tensors, of a sum not 0; found {shares}")
    for tensor in tensors[1:]:
        require_equal_shapes("average(a, b, ...)", "batch ..., batch ...", tensors[0], tensor)
    total = sum(share * tensor for share, tensor in zip(shares, tensors, strict=True))
    return cast(Tensor, total / sum(shares))


def sigmoid(x: Tensor, *, temperature: Annotated[float, Gt(0)] = 1.0) -> Tensor:
    """Return probabilities 1 / (1 + exp(−x / temperature)) of independent binary labels, in the shape of `x`."""
    return torch.sigmoid(x / temperature)


def softmax(x: Tensor, *, temperature: Annotated[float, Gt(0)] = 1.0) -> Tensor:
    """Return probabilities of exclusive classes, `(batch, classes)`: the softmax of x / temperature over
    the last axis."""
    return torch.softmax(x / temperature, dim=-1)


def one_hot(labels: Tensor, *, classes: Annotated[int, Ge(1)]) -> Tensor:
    """Return the labels as vectors, float32 `(batch, classes)`: 1 at the label and 0 elsewhere, for conditional
    networks.

    `labels` int64 `(batch,)`. Raises ValueError for another shape, or a label outside the classes.
    """
    require_classes("one_hot(labels)", labels, rows=len(labels), classes=classes)
    return functional.one_hot(labels.long(), classes).float()


def detach(x: TensorOrPosterior) -> TensorOrPosterior:
    """Return the same values without gradient; takes a tensor or a posterior of any shape."""
    return cast(TensorOrPosterior, map_tensors(Tensor.detach, x))


detach.cuts_gradient = True  # type: ignore[attr-defined]


def take(x: TensorOrPosterior, indices: Tensor) -> TensorOrPosterior:
    """Return the rows `indices`, int64 `(rows,)`, of a tensor or a posterior `(batch, ...)`."""
    return cast(TensorOrPosterior, map_tensors(lambda tensor: tensor.index_select(0, indices), x))


take.couples_rows = True  # type: ignore[attr-defined]


def permutation(
    like: Annotated[Tensor, Role.SHAPE], *, fixed_points: bool = True, generator: torch.Generator | None = None
) -> Tensor:
    """Draw a random order of the rows of `like` `(batch, ...)`, int64 `(batch,)`, for `take`.

    With `fixed_points = false` every row moves (a random cycle through all rows), which pairs each image with another
    one; the image in a batch of one stays nevertheless.
    """
    device = like.device if generator is None else generator.device
    order = torch.randperm(len(like), generator=generator, device=device)
    if not fixed_points:
        order = torch.empty_like(order).scatter_(0, order, order.roll(1))
    return order.to(like.device)


permutation.cuts_gradient = True  # type: ignore[attr-defined]
permutation.couples_rows = True  # type: ignore[attr-defined]


def other_of_pair(like: Annotated[Tensor, Role.SHAPE]) -> Tensor:
    """Return the other row of each row's pair in a batch of `pairs_that_share`, int64 `(batch,)`, for `take`.

    Rows 0 and 1 of `like` `(batch, ...)` are a pair, 2 and 3, and so on; the last of an odd number is its own partner.
    """
    return (torch.arange(len(like), device=like.device) ^ 1).clamp(max=max(len(like) - 1, 0))


other_of_pair.cuts_gradient = True  # type: ignore[attr-defined]
other_of_pair.couples_rows = True  # type: ignore[attr-defined]


def diagonal_gaussian(features: Tensor, *, initial_log_variance: float = 0.0) -> DiagonalGaussian:
    """Make a normal posterior from features `(batch, 2·code)`: means first, then log-variances.

    Maps `(batch, 2·channels, height, width)` are split along their channels. `initial_log_variance` is added to the
    log-variance, which starts at about this value, since a network's outputs start near zero. Raises ValueError if the
    features can't be halved.
    """
    axis = 1 if features.ndim == 4 else -1
    if features.ndim < 2 or features.shape[axis] % 2:
        cause = "a mean and a log-variance need an even number of features"
        raise shape_error("diagonal_gaussian(features)", "batch (2 code)", cause, features)
    mean, log_variance = features.chunk(2, dim=axis)
    return DiagonalGaussian(mean, log_variance + initial_log_variance)


def posterior_mean(posterior: Any) -> Tensor:
    """Return the mean of a posterior, `(batch, code)`; for one on a sphere the mean direction.

    Raises ValueError if the input is not a posterior.
    """
    return centre_of("posterior_mean(posterior)", posterior)


def sample(posterior: Any, *, generator: torch.Generator | None = None) -> Tensor:
    """Draw from a posterior, `(batch, code)`, with gradients; in evaluations return its mean.

    The draw from a `DiagonalGaussian` is mean + exp(log_variance / 2)·ε; other posteriors have their own method.

    Source: Kingma and Welling, *Auto-Encoding Variational Bayes* (2014), section 2.4. Raises ValueError if the input is
    not a posterior.
    """
    return drawn_from("sample(posterior)", posterior, generator=generator)


sample.in_evaluation = posterior_mean  # type: ignore[attr-defined]


def augment(
    images: Tensor,
    *,
    scale: tuple[Positive, Positive] = (0.8, 1.2),
    brightness: tuple[Positive, Positive] = (0.7, 1.3),
    shift: Annotated[float, Interval(ge=0, le=1)] = 0.1,
    value_range: tuple[float, float] = (0.0, 1.0),
    generator: torch.Generator | None = None,
) -> Tensor:
    """Scale, brighten and crop images `(batch, channels, height, width)` at random, with one draw for each.

    In evaluations the images don't change.

    Args:
        images: in `value_range`.
        scale: least and greatest factor of the size.
        brightness: least and greatest factor of the distance from the lower end of `value_range`.
        shift: how far a crop may move the image each way, as a share of its width and height.
        value_range: of the images; empty parts of a crop have its lower end's value.
        generator: source of all draws.

    Raises:
        ValueError: for another shape.
    """
    if images.ndim != 4:
        raise shape_error("augment(images)", "batch channels height width", "not images", images)
    if not len(images):
        return images
    low, high = value_range
    device = images.device if generator is None else generator.device
    chances = torch.rand(4, len(images), generator=generator, device=device).to(images.device)
    size, light = (least + (most - least) * chances[row] for row, (least, most) in enumerate((scale, brightness)))
    moved = 2 * shift * (2 * chances[2:] - 1)  # coordinates run from -1 to 1
    zero = torch.zeros_like(size)
    entries = torch.stack([1 / size, zero, moved[0], zero, 1 / size, moved[1]], 1)
    maps = rearrange(entries, "batch (rows columns) -> batch rows columns", rows=2)
    grid = affine_grid(maps, list(images.shape), align_corners=False).to(images.dtype)
    shown = grid_sample(images - low, grid, padding_mode="zeros", align_corners=False)
    return (low + shown * light[:, None, None, None].to(images.dtype)).clamp(low, high)


def _as_they_are(images: Tensor) -> Tensor:
    return images


augment.in_evaluation = _as_they_are  # type: ignore[attr-defined]


def draw(prior: Prior, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw one code from the prior for each row of the labels, `(batch, code)`; a conditional prior depends on the
    labels.

    Raises ValueError without labels: `draw_like(prior, tensor)` draws as many codes as a tensor has rows.
    """
    if not labels:
        raise ValueError("draw(prior, label) needs at least one label; draw_like(prior, tensor) does without")
    return prior.sample(len(labels[0]), *labels, generator=generator)


def draw_like(prior: Prior, like: Annotated[Tensor, Role.SHAPE], *, generator: torch.Generator | None = None) -> Tensor:
    """Draw as many codes from the prior as `like` has rows, `(batch, code)`, with its device and dtype."""
    return prior.sample(len(like), generator=generator).to(like)
