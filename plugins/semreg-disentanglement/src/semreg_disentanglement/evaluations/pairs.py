"""Metrics by images that share a factor: FactorVAE and β-VAE scores, and interventional robustness."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Le

from semreg.core import Handle, Result, Role
from semreg.trained import before_training, better
from semreg_disentanglement.evaluations.common import Draws, Split, evaluated, factors_alone, require_factors
from semreg_disentanglement.functional.beta_vae_score import beta_vae_score as beta_vae_score_of
from semreg_disentanglement.functional.common import Count
from semreg_disentanglement.functional.factor_vae_score import factor_vae_score as factor_vae_score_of
from semreg_disentanglement.functional.irs import irs as irs_of
from semreg_disentanglement.functional.sharing import require_two_factors


@better(higher=["factor_vae_score"], units={"*": "share"})
def factor_vae_score(
    code: Annotated[Handle, Role.CODE],
    *factors: Handle,
    votes: Count = 10_000,
    test_votes: Count = 5_000,
    batch: Annotated[int, Ge(2)] = 64,
    least_spread: Annotated[float, Ge(0), Le(1)] = 0.05,
    split: Split = "test",
    count: Count = 10_000,
    draws: Draws = 10,
    generator: torch.Generator | None = None,
) -> Result:
    """Measure how well the dimension of the code that varies least predicts the factor that images share.

    Source: Kim and Mnih, *Disentangling by Factorising* (2018), section 4.

    Figures: `factor_vae_score`, with `factor_vae_score_chance`, and `factor_vae_score_low` and `_high`, an interval of
    95 %.

    Args:
        code: `(batch, code)`; a spatial one `(batch, channels, height, width)` is averaged over positions.
        factors: two or more fields of classes, of binary labels or vectors; by default all fields of classes.
        votes: how many define the classifier.
        test_votes: how many test it.
        batch: images in a vote.
        least_spread: dimensions of the code with a smaller standard deviation, as a share of the largest, have no vote.
        split: whose images.
        count: the most images, drawn at random.
        draws: shuffles for the chance level, and half samples for the interval.
        generator: source of all draws except those of votes, which are the same each time.

    Raises ValueError if codes are not finite, fewer than two factors vary, or there are fewer images than dimensions.
    """
    return evaluated(
        partial(factor_vae_score_of, votes=votes, test_votes=test_votes, batch=batch, least_spread=least_spread),
        code,
        factors,
        figures={"factor_vae_score": "factor_vae_score"},
        entries="the share of the factor's votes",
        how=f"{votes:,} votes and {test_votes:,} to test, each of {batch} images that share a factor's value.",
        split=split,
        count=count,
        draws=draws,
        generator=generator,
    )


@better(higher=["beta_vae_score"], units={"*": "share"})
def beta_vae_score(
    code: Annotated[Handle, Role.CODE],
    *factors: Handle,
    points: Count = 10_000,
    test_points: Count = 5_000,
    batch: Count = 64,
    split: Split = "test",
    count: Count = 10_000,
    draws: Draws = 10,
    generator: torch.Generator | None = None,
) -> Result:
    """Measure how well a linear classifier predicts, from differences of codes, the factor that pairs of images share.

    Source: Higgins et al., *beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework* (2017),
    section 3.

    Figures: `beta_vae_score`, with `beta_vae_score_chance`, and `beta_vae_score_low` and `_high`, an interval of 95 %.

    Args:
        code: `(batch, code)`; a spatial one `(batch, channels, height, width)` is averaged over positions.
        factors: two or more fields of classes, of binary labels or vectors; by default all fields of classes.
        points: how many fit the classifier.
        test_points: how many test it.
        batch: pairs for a point.
        split: whose images.
        count: the most images, drawn at random.
        draws: shuffles for the chance level, and half samples for the interval.
        generator: source of all draws except those of pairs, which are the same each time.

    Raises ValueError if codes are not finite, fewer than two factors vary, or there are fewer images than dimensions.
    """
    return evaluated(
        partial(beta_vae_score_of, points=points, test_points=test_points, batch=batch),
        code,
        factors,
        figures={"beta_vae_score": "beta_vae_score"},
        entries="how much nearer images are that share the factor, as a share",
        how=f"{points:,} points and {test_points:,} to test, each of {batch} pairs that share a factor's value.",
        split=split,
        count=count,
        draws=draws,
        generator=generator,
    )


@better(higher=["irs"], units={"*": "share"})
def irs(
    code: Annotated[Handle, Role.CODE],
    *factors: Handle,
    quantile: Annotated[float, Gt(0), Le(1)] = 0.99,
    split: Split = "test",
    count: Count = 10_000,
    draws: Draws = 20,
    generator: torch.Generator | None = None,
) -> Result:
    """Compute the interventional robustness score: how little each dimension of the code changes with all factors but
    one.

    Source: Suter et al., *Robustly Disentangled Causal Mechanisms: Validating Deep Representations for Interventional
    Robustness* (2019).

    Figures: `irs`, with `irs_chance`, which is far above 0, and `irs_low` and `irs_high`, an interval of 95 %.

    Args:
        code: `(batch, code)`; a spatial one `(batch, channels, height, width)` is averaged over positions.
        factors: fields of classes, of binary labels or vectors; by default all fields of classes.
        quantile: of deviations with a fixed factor, instead of the greatest.
        split: whose images.
        count: the most images, drawn at random.
        draws: shuffles for the chance level, and half samples for the interval.
        generator: source of all draws.

    Raises ValueError if codes are not finite, no factor varies, or there are fewer images than dimensions.
    """
    return evaluated(
        partial(irs_of, quantile=quantile),
        code,
        factors,
        figures={"irs": "irs"},
        entries="robustness with the factor held",
        how=f"The quantile {quantile:g} of deviations from the mean, divided by the greatest over all images.",
        split=split,
        count=count,
        draws=draws,
        generator=generator,
    )


@before_training(factor_vae_score, beta_vae_score)
def _before_training(code: Handle, *factors: Handle, split: str, **options: Any) -> None:
    """Raise ValueError if fewer than two factors vary."""
    require_two_factors(f"the factors of {code.name!r}", factors_alone(code, factors, split))


before_training(irs)(require_factors)
