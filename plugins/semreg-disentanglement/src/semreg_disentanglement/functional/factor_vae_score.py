"""The FactorVAE score.

Source: Kim and Mnih, *Disentangling by Factorising* (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import torch
from annotated_types import Ge, Le
from torch import Tensor

from semreg_disentanglement.functional.common import Count, inputs
from semreg_disentanglement.functional.sharing import AT_ONCE, Sharing, require_two_factors, sharing


class FactorVAEScore(NamedTuple):
    """The result of `factor_vae_score`."""

    factor_vae_score: float
    """From 0 to 1, the share of test votes for the fixed factor."""
    matrix: Tensor
    """The share of each factor's votes that a dimension has, float64 `(dimensions, factors)`, whose columns sum to 1;
    NaN for constant ones."""
    coded_by: Tensor
    """The dimension with most of each factor's votes, int64 `(factors,)`, -1 for a constant factor."""


def factor_vae_score(
    codes: Tensor,
    factors: Tensor,
    *,
    votes: Count = 10_000,
    test_votes: Count = 5_000,
    batch: Annotated[int, Ge(2)] = 64,
    least_spread: Annotated[float, Ge(0), Le(1)] = 0.05,
    generator: torch.Generator | None = None,
) -> FactorVAEScore:
    """Compute the FactorVAE score: how well the dimension that varies least predicts which factor is fixed.

    For a vote, images that share the value of factor k are drawn; the dimension j with the smallest Var(z_j) over them,
    relative to that over all images, votes for k. A classifier predicts for each dimension the factor with most of its
    votes; the score is its accuracy on further votes (Kim and Mnih, *Disentangling by Factorising* (2018), section 4).
    Numbers of votes and images are those of disentanglement_lib. Every factor has as many votes, and images are drawn
    with repetition from the given ones (decisions); values with a single image are never fixed.

    Args:
        codes: real `(images, code)`.
        factors: classes `(images, factors)`, at least two; real numbers are binned.
        votes: over all factors, how many define the classifier.
        test_votes: over all factors, how many test it.
        batch: images in a vote.
        least_spread: a dimension whose standard deviation is a smaller share of the largest has no vote, as collapsed
            to the prior. disentanglement_lib's study requires 0.05 for a prior with 1.
        generator: source of the draws.

    Raises:
        ValueError: for other shapes, values that are not finite, fewer images than dimensions, if nothing or only one
            factor varies, and for a factor whose value no two images share.
    """
    call = "factor_vae_score(codes, factors)"
    given = inputs(call, codes, factors)
    require_two_factors(call, given)
    spread = given.codes.std(0)
    scaled, live = given.codes / spread, (spread >= least_spread * spread.max()).nonzero().flatten()
    generator = generator or torch.Generator().manual_seed(0)
    held = sharing(call, given)
    train = _votes(scaled, live, held, -(-votes // len(held)), batch, generator)
    test = _votes(scaled, live, held, -(-test_votes // len(held)), batch, generator)
    right = test.gather(1, train.argmax(1, keepdim=True)).sum()
    matrix = train / train.sum(0, dtype=torch.float64)
    return FactorVAEScore(float(right / test.sum()), given.as_given(matrix), given.coded_by(matrix))


def _votes(
    codes: Tensor, live: Tensor, held: Sequence[Sharing], number: int, batch: int, generator: torch.Generator
) -> Tensor:
    """Count how often each dimension, of the live ones, varied least in `number` draws for each factor, int64
    `(dimensions, factors)`."""
    voters, counts = codes[:, live], []
    for factor in held:
        drawn = torch.split(factor.draw(number, generator), max(1, AT_ONCE // (batch * len(live))))
        least = [voters[factor.alike(images, batch, generator)].var(1).argmin(1) for images in drawn]
        counts.append(live[torch.cat(least)].bincount(minlength=codes.shape[1]))
    return torch.stack(counts, 1)
