"""The β-VAE score.

Source: Higgins et al., *beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework* (2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from semreg_disentanglement.functional.common import Count, fitting, inputs
from semreg_disentanglement.functional.sharing import AT_ONCE, Sharing, require_two_factors, sharing


class BetaVAEScore(NamedTuple):
    """The result of `beta_vae_score`."""

    beta_vae_score: float
    """From 0 to 1, the classifier's accuracy on test points."""
    matrix: Tensor
    """1 − the mean difference of images that share a factor's value / that of any images, float64
    `(dimensions, factors)`: 1 if only the factor decides, near 0 if it has no effect; NaN for constant ones."""
    coded_by: Tensor
    """The dimension in which each factor counts most, int64 `(factors,)`, -1 for a constant factor."""


def beta_vae_score(
    codes: Tensor,
    factors: Tensor,
    *,
    points: Count = 10_000,
    test_points: Count = 5_000,
    batch: Count = 64,
    generator: torch.Generator | None = None,
) -> BetaVAEScore:
    """Compute the β-VAE score: how well a linear classifier predicts, from differences of codes, the factor that images
    share.

    A point is the mean of |z − z'| over pairs of images that share the value of factor k, with a new value for each
    pair. A logistic regression predicts k from it, and the score is its accuracy on further points (Higgins et al.,
    *beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework* (2017), section 3). Numbers of
    points and pairs, and scikit-learn's penalty, are those of disentanglement_lib; dimensions are first divided by
    their standard deviations, so that the penalty treats all alike (decision). Every factor has as many points, and
    pairs are drawn from the given images (decision): values with a single image are in no pair.

    Args:
        codes: real `(images, code)`.
        factors: classes `(images, factors)`, at least two; real numbers are binned.
        points: over all factors, how many fit the classifier.
        test_points: over all factors, how many test it.
        batch: pairs for a point.
        generator: source of the draws.

    Raises:
        ValueError: for other shapes, values that are not finite, fewer images than dimensions, if nothing or only one
            factor varies, and for a factor whose value no two images share.
    """
    from sklearn.linear_model import LogisticRegression

    call = "beta_vae_score(codes, factors)"
    given = inputs(call, codes, factors)
    require_two_factors(call, given)
    generator = generator or torch.Generator().manual_seed(0)
    scaled, shared = given.codes / given.codes.std(0), sharing(call, given)
    train = _points(scaled, shared, -(-points // len(shared)), batch, generator)
    test = _points(scaled, shared, -(-test_points // len(shared)), batch, generator)
    with fitting():
        model = LogisticRegression(max_iter=1000).fit(train.flatten(0, 1).numpy(), _factors(train))
    score = float(model.score(test.flatten(0, 1).numpy(), _factors(test)))
    images = torch.randperm(len(scaled), generator=generator)
    any_images = (scaled[images] - scaled[images.roll(1)]).abs().mean(0)  # none with itself
    matrix = 1 - train.mean(1).T / any_images[:, None]
    return BetaVAEScore(score, given.as_given(matrix), given.coded_by(matrix))


def _points(codes: Tensor, shared: Sequence[Sharing], number: int, batch: int, generator: torch.Generator) -> Tensor:
    """Return mean absolute differences of pairs that share a factor's value, float64 `(factors, number,
    dimensions)`."""
    found = []
    for factor in shared:
        parts, at_once = [], max(1, AT_ONCE // (batch * codes.shape[1]))
        for images in torch.split(factor.draw(number * batch, generator), at_once * batch):
            differences = (codes[images] - codes[factor.partners(images, generator)]).abs()
            parts.append(differences.reshape(-1, batch, codes.shape[1]).mean(1))
        found.append(torch.cat(parts))
    return torch.stack(found)


def _factors(points: Tensor) -> Tensor:
    """Return the factor of each of points `(factors, number, dimensions)`, int64 `(factors · number,)`."""
    return torch.arange(len(points)).repeat_interleave(points.shape[1])
