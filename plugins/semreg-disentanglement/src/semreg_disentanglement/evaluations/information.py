"""Metrics by mutual information: MIG, modularity with explicitness, and InfoMEC."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge, Le

from semreg.core import Handle, Result, Role
from semreg.trained import before_training, better
from semreg_disentanglement.evaluations.common import Draws, Split, evaluated, require_factors
from semreg_disentanglement.functional.common import BINS, Count
from semreg_disentanglement.functional.infomec import infomec as infomec_of
from semreg_disentanglement.functional.mig import mig as mig_of
from semreg_disentanglement.functional.modularity import modularity_explicitness as modularity_explicitness_of

Bins = Annotated[int, Ge(2)]


@better(higher=["mig"], units={"*": "share"})
def mig(
    code: Annotated[Handle, Role.CODE],
    *factors: Handle,
    bins: Bins = BINS,
    split: Split = "test",
    count: Count = 10_000,
    draws: Draws = 20,
    generator: torch.Generator | None = None,
) -> Result:
    """Compute the mutual information gap: how much more about a factor one dimension of the code reveals than any
    other.

    Source: Chen et al., *Isolating Sources of Disentanglement in Variational Autoencoders* (2018), Eq. 6.

    Figures: `mig`, with `mig_chance`, and `mig_low` and `mig_high`, an interval of 95 %.

    Args:
        code: `(batch, code)`; a spatial one `(batch, channels, height, width)` is averaged over positions.
        factors: fields of classes, of binary labels or vectors; by default all fields of classes.
        bins: of equal width, for each dimension of the code.
        split: whose images.
        count: the most images, drawn at random.
        draws: shuffles for the chance level, and half samples for the interval.
        generator: source of all draws.

    Raises ValueError if codes are not finite, no factor varies, or there are fewer images than dimensions.
    """
    return evaluated(
        partial(mig_of, bins=bins),
        code,
        factors,
        figures={"mig": "mig"},
        entries="mutual information over the entropy of the factor",
        how=f"Codes in {bins} bins of equal width.",
        split=split,
        count=count,
        draws=draws,
        generator=generator,
    )


@better(higher=["modularity", "explicitness"], units={"*": "share"})
def modularity_explicitness(
    code: Annotated[Handle, Role.CODE],
    *factors: Handle,
    bins: Bins = BINS,
    split: Split = "test",
    count: Count = 5_000,
    draws: Draws = 10,
    generator: torch.Generator | None = None,
) -> Result:
    """Measure whether each dimension of the code depends on only one factor, and whether a linear classifier reads all
    of them.

    Source: Ridgeway and Mozer, *Learning Deep Disentangled Embeddings with the F-Statistic Loss* (2018).

    Figures: `modularity` and `explicitness`, each with `_chance`, `_low` and `_high`, an interval of 95 %. Noise
    doesn't have a low modularity: compare with chance.

    Args:
        code: `(batch, code)`; a spatial one `(batch, channels, height, width)` is averaged over positions.
        factors: fields of classes, of binary labels or vectors; by default all fields of classes.
        bins: of equal width, for each dimension of the code.
        split: whose images.
        count: the most images, drawn at random.
        draws: shuffles for the chance level, and half samples for the interval.
        generator: source of all draws.

    Raises ValueError if codes are not finite, no factor varies, or there are fewer images than dimensions.
    """
    return evaluated(
        partial(modularity_explicitness_of, bins=bins),
        code,
        factors,
        figures={"modularity": "modularity", "explicitness": "explicitness"},
        entries="mutual information in nats",
        how=f"Codes in {bins} bins of equal width; explicitness is an area under the ROC curve.",
        split=split,
        count=count,
        draws=draws,
        generator=generator,
    )


@better(higher=["infom", "infoc", "infoe"], units={"*": "share"})
def infomec(
    code: Annotated[Handle, Role.CODE],
    *factors: Handle,
    neighbors: Count = 10,
    least_range: Annotated[float, Ge(0), Le(1)] = 0.05,
    iterations: Count = 100,
    split: Split = "test",
    count: Count = 5_000,
    draws: Draws = 5,
    generator: torch.Generator | None = None,
) -> Result:
    """Compute InfoMEC: modularity, compactness and explicitness of a code, as shares of information about the factors.

    Source: Hsu et al., *Disentanglement via Latent Quantization* (2023).

    Figures: `infom`, `infoc` and `infoe`, each with `_chance`, `_low` and `_high`, an interval of 95 %. Noise has high
    `infom` and `infoc`: compare with chance.

    Args:
        code: `(batch, code)`; a spatial one `(batch, channels, height, width)` is averaged over positions.
        factors: fields of classes, of binary labels or vectors; by default all fields of classes.
        neighbors: how many estimate mutual information.
        least_range: dimensions of the code with a smaller range, as a share of the largest, count only in `infoe`.
        iterations: most of the regression for `infoe`.
        split: whose images.
        count: the most images, drawn at random.
        draws: shuffles for the chance level, and half samples for the interval.
        generator: source of all draws.

    Raises ValueError if codes are not finite, no factor varies, or there are fewer images than dimensions.
    """
    return evaluated(
        partial(infomec_of, neighbors=neighbors, least_range=least_range, iterations=iterations),
        code,
        factors,
        figures={"infom": "infom", "infoc": "infoc", "infoe": "infoe"},
        entries="mutual information over the entropy of the factor",
        how=f"By {neighbors} nearest neighbours; infoe by a logistic regression on these images.",
        split=split,
        count=count,
        draws=draws,
        generator=generator,
    )


before_training(mig, modularity_explicitness, infomec)(require_factors)
