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
    """Joins codes `(batch, code)` along the code, or maps `(batch, channels, height, width)` along the channels."""
    return torch.cat(tensors, dim=1)


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """The element-wise product a·b; shapes broadcast."""
    return a * b


def pooled(code: Tensor, *, cells: Annotated[int, Ge(1)] = 1) -> Tensor:
    """A spatial code `(batch, channels, height, width)` as vectors `(batch, channels·cells²)`: its means over space.

    The maps are cut into `cells` times `cells` equal rectangles, and each gives its mean; by default one, the whole
    map. For losses that read vectors, such as `predictability`. Raises ValueError if a side is not divisible by
    `cells`, or the code has another shape.
    """
    if code.ndim != 4 or code.shape[2] % cells or code.shape[3] % cells:
        cause = f"its maps can't be cut into {cells} × {cells} equal cells"
        raise shape_error("pooled(code)", "batch channels height width", cause, code)
    pattern = "batch channels (down height) (across width) -> batch (channels down across)"
    return reduce(code, pattern, "mean", down=cells, across=cells)


def average(*tensors: Tensor, weights: Annotated[Sequence[float], MinLen(1)] | None = None) -> Tensor:
    """The weighted mean of tensors of one shape, in that shape; equal weights by default.

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
    """Probabilities 1 / (1 + exp(−x / temperature)) of independent binary labels, in the shape of `x`."""
    return torch.sigmoid(x / temperature)


def softmax(x: Tensor, *, temperature: Annotated[float, Gt(0)] = 1.0) -> Tensor:
    """Probabilities of exclusive classes, `(batch, classes)`: the softmax of x / temperature over the last axis."""
    return torch.softmax(x / temperature, dim=-1)


def one_hot(labels: Tensor, *, classes: Annotated[int, Ge(1)]) -> Tensor:
    """The labels as vectors, float32 `(batch, classes)`: 1 at the label and 0 elsewhere, as conditional nets take them.

    `labels` int64 `(batch,)`. Raises ValueError for another shape, or a label outside the classes.
    """
    require_classes("one_hot(labels)", labels, rows=len(labels), classes=classes)
    return functional.one_hot(labels.long(), classes).float()


def detach(x: TensorOrPosterior) -> TensorOrPosterior:
    """The same values, through which no gradient flows; takes a tensor or a posterior of any shape."""
    return cast(TensorOrPosterior, map_tensors(Tensor.detach, x))


detach.cuts_gradient = True  # type: ignore[attr-defined]


def take(x: TensorOrPosterior, indices: Tensor) -> TensorOrPosterior:
    """The rows `indices`, int64 `(rows,)`, of a tensor or a posterior `(batch, ...)`."""
    return cast(TensorOrPosterior, map_tensors(lambda tensor: tensor.index_select(0, indices), x))


take.couples_rows = True  # type: ignore[attr-defined]


def permutation(
    like: Annotated[Tensor, Role.SHAPE], *, fixed_points: bool = True, generator: torch.Generator | None = None
) -> Tensor:
    """A random order of the rows of `like` `(batch, ...)`, int64 `(batch,)`, for `take`.

    With `fixed_points = false` no row keeps its place (a random cycle through all rows), which pairs each image with
    another one; a batch of one image has no other and keeps its place all the same.
    """
    device = like.device if generator is None else generator.device
    order = torch.randperm(len(like), generator=generator, device=device)
    if not fixed_points:
        order = torch.empty_like(order).scatter_(0, order, order.roll(1))
    return order.to(like.device)


permutation.cuts_gradient = True  # type: ignore[attr-defined]
permutation.couples_rows = True  # type: ignore[attr-defined]


def other_of_pair(like: Annotated[Tensor, Role.SHAPE]) -> Tensor:
    """The other row of the pair that each row of a batch of `pairs_that_share` is in, int64 `(batch,)`, for `take`.

    Rows 0 and 1 of `like` `(batch, ...)` are a pair, 2 and 3, and so on; the last of an odd number is by itself.
    """
    return (torch.arange(len(like), device=like.device) ^ 1).clamp(max=max(len(like) - 1, 0))


other_of_pair.cuts_gradient = True  # type: ignore[attr-defined]
other_of_pair.couples_rows = True  # type: ignore[attr-defined]


def diagonal_gaussian(features: Tensor, *, initial_log_variance: float = 0.0) -> DiagonalGaussian:
    """A normal posterior from features `(batch, 2·code)`: means first, then log-variances.

    Maps `(batch, 2·channels, height, width)` are split along their channels. `initial_log_variance` is added to the
    log-variance: about what it starts from, since a net's outputs start near zero. Raises ValueError if the features
    can't be halved.
    """
    axis = 1 if features.ndim == 4 else -1
    if features.ndim < 2 or features.shape[axis] % 2:
        cause = "a mean and a log-variance need an even number of features"
        raise shape_error("diagonal_gaussian(features)", "batch (2 code)", cause, features)
    mean, log_variance = features.chunk(2, dim=axis)
    return DiagonalGaussian(mean, log_variance + initial_log_variance)


def posterior_mean(posterior: Any) -> Tensor:
    """The mean of a posterior, `(batch, code)`; of one on a sphere the mean direction.

    Raises ValueError for what is no posterior.
    """
    return centre_of("posterior_mean(posterior)", posterior)


def sample(posterior: Any, *, generator: torch.Generator | None = None) -> Tensor:
    """A draw from a posterior, `(batch, code)`, through which gradients flow; in evaluations its mean.

    Of a `DiagonalGaussian` it is mean + exp(log_variance / 2)·ε; other posteriors draw by a method of their own.

    Source: Kingma and Welling, *Auto-Encoding Variational Bayes* (2014), section 2.4. Raises ValueError for what is no
    posterior.
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
    """Images `(batch, channels, height, width)` scaled, brightened and cropped at random, one draw for each.

    In evaluations the images as they are.

    Args:
        images: in `value_range`.
        scale: least and greatest factor of the size.
        brightness: least and greatest factor of the distance from the lower end of `value_range`.
        shift: the share of the width and height by which a crop may move the image, each way.
        value_range: of the images; what a crop leaves blank has its lower end's value.
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
    """One code from the prior for each row of the labels, `(batch, code)`; a conditional prior draws given the labels.

    Raises ValueError without labels: `draw_like(prior, tensor)` draws as many codes as a tensor has rows.
    """
    if not labels:
        raise ValueError("draw(prior, label) needs at least one label; draw_like(prior, tensor) does without")
    return prior.sample(len(labels[0]), *labels, generator=generator)


def draw_like(prior: Prior, like: Annotated[Tensor, Role.SHAPE], *, generator: torch.Generator | None = None) -> Tensor:
    """As many codes from the prior as `like` has rows, `(batch, code)`, with its device and dtype."""
    return prior.sample(len(like), generator=generator).to(like)
