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
    """What `beta_vae_score` gives."""

    beta_vae_score: float
    """From 0 to 1, the classifier's accuracy on test points."""
    matrix: Tensor
    """1 − the mean difference of images that share a factor's value / that of any images, float64
    `(dimensions, factors)`: 1 where the factor alone decides, near 0 where it has no say; NaN for what is constant."""
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
    """The β-VAE score: how well a linear classifier tells by differences of codes which factor images share.

    A point is the mean over pairs of images that share the value of factor k, each pair its own, of |z − z'|; a
    logistic regression tells k by it, and the score is its accuracy on further points (Higgins et al., *beta-VAE:
    Learning Basic Visual Concepts with a Constrained Variational Framework* (2017), section 3). Numbers of points and
    pairs, and scikit-learn's penalty, are those of disentanglement_lib; dimensions are divided by their standard
    deviations first, so that the penalty counts all alike (decision). Every factor has as many points, and pairs are
    drawn from the images that there are (decision): values that one image alone has are in none.

    Args:
        codes: real `(images, code)`.
        factors: classes `(images, factors)`, at least two; real numbers are binned.
        points: over all factors, on which the classifier is fitted.
        test_points: over all factors, on which it is tested.
        batch: pairs of a point.
        generator: source of the draws.

    Raises:
        ValueError: for other shapes, values that are not finite, fewer images than dimensions, where nothing varies or
            one factor alone does, and for a factor whose value no two images share.
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
    """Mean absolute differences of pairs that share a factor's value, float64 `(factors, number, dimensions)`."""
    found = []
    for factor in shared:
        parts, at_once = [], max(1, AT_ONCE // (batch * codes.shape[1]))
        for images in torch.split(factor.draw(number * batch, generator), at_once * batch):
            differences = (codes[images] - codes[factor.partners(images, generator)]).abs()
            parts.append(differences.reshape(-1, batch, codes.shape[1]).mean(1))
        found.append(torch.cat(parts))
    return torch.stack(found)


def _factors(points: Tensor) -> Tensor:
    """The factor of each of points `(factors, number, dimensions)`, int64 `(factors · number,)`."""
    return torch.arange(len(points)).repeat_interleave(points.shape[1])
