"""The interventional robustness score.

Source: Suter, Miladinović, Schölkopf and Bauer, *Robustly Disentangled Causal Mechanisms: Validating Deep
Representations for Interventional Robustness* (2019).
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import torch
from annotated_types import Gt, Le
from torch import Tensor

from semreg_disentanglement.functional.common import inputs
from semreg_disentanglement.functional.sharing import Sharing, sharing


class IRS(NamedTuple):
    """The result of `irs`."""

    irs: float
    """At most 1, the mean over dimensions, each weighted by its largest deviation."""
    by_dimension: Tensor
    """The score of each dimension, float64 `(dimensions,)`; NaN for a constant one."""
    matrix: Tensor
    """1 − the remaining deviation with a fixed factor / the largest deviation, float64 `(dimensions, factors)`; NaN for
    constant ones."""
    coded_by: Tensor
    """The most robust dimension with each factor fixed, int64 `(factors,)`, -1 for a constant factor."""


def irs(codes: Tensor, factors: Tensor, *, quantile: Annotated[float, Gt(0), Le(1)] = 0.99) -> IRS:
    """Compute the interventional robustness score: how little a dimension changes with all factors but one.

    IRS_jk = 1 − E_v[max |z_j − E(z_j | v_k = v)| given v_k = v] / max |z_j − E z_j|, where values v count alike. The
    best factor of each dimension counts, and the score is the mean over dimensions weighted by their largest
    deviations, so that dimensions that hardly vary hardly count (Suter et al., *Robustly Disentangled Causal
    Mechanisms* (2019), in the form of its authors' code for crossed factors). Values with a single image don't count
    (decision): they have no deviation. Through the weights the score depends on the relative scales of dimensions.

    Args:
        codes: real `(images, code)`.
        factors: classes `(images, factors)`, or one factor `(images,)`; real numbers are binned.
        quantile: of deviations with a fixed factor, instead of the greatest, which depends on one image; the paper has
            1, its authors' code 0.99.

    Raises:
        ValueError: for other shapes, values that are not finite, fewer images than dimensions, if nothing varies, and
            for a factor whose value no two images share.
    """
    call = "irs(codes, factors)"
    given = inputs(call, codes, factors)
    largest = (given.codes - given.codes.mean(0)).abs().amax(0)
    left = [_left(given.codes, factor, quantile) for factor in sharing(call, given)]
    matrix = 1 - torch.stack(left, 1) / largest[:, None]
    by_dimension = matrix.amax(1)
    score = float((by_dimension * largest).sum() / largest.sum())
    return IRS(score, given.of_dimensions(by_dimension), given.as_given(matrix), given.coded_by(matrix))


def _left(codes: Tensor, factor: Sharing, quantile: float) -> Tensor:
    """Return how far each dimension deviates from its mean with the factor fixed, the mean over values,
    `(dimensions,)`."""
    groups = [codes[images] for images in factor.groups()]
    deviations = [np.quantile((group - group.mean(0)).abs().numpy(), quantile, axis=0) for group in groups]
    return torch.from_numpy(np.mean(deviations, axis=0))
