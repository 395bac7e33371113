"""InfoMEC: modularity, compactness and explicitness by information.

Source: Hsu, Dorrell, Whittington, Wu and Finn, *Disentanglement via Latent Quantization* (2023).
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from torch import Tensor

from semreg_disentanglement.functional.common import Count, entropies, fitting, inputs, standardised
from semreg_disentanglement.functional.sharing import sharing


class InfoMEC(NamedTuple):
    """The result of `infomec`."""

    infom: float
    """Modularity, from 0 to 1: whether a dimension depends on only one factor; NaN for one factor."""
    infoc: float
    """Compactness, from 0 to 1: whether only one dimension depends on a factor; NaN for one dimension."""
    infoe: float
    """Explicitness, at most 1: how much about the factors a linear classifier predicts from the code."""
    by_factor: Tensor
    """The explicitness of each factor, float64 `(factors,)`; NaN for a constant one, here and in the matrix."""
    matrix: Tensor
    """I(z_j; v_k) / H(v_k), float64 `(dimensions, factors)`, from 0 to 1 except for the error of the estimate; NaN for
    a constant dimension."""
    coded_by: Tensor
    """The dimension with most information about each factor, int64 `(factors,)`, -1 for a constant factor."""


def infomec(
    codes: Tensor,
    factors: Tensor,
    *,
    neighbors: Count = 10,
    least_range: Annotated[float, Ge(0), Le(1)] = 0.05,
    iterations: Count = 100,
) -> InfoMEC:
    """Compute InfoMEC: modularity, compactness and explicitness of a code by information.

    With N_jk = I(z_j; v_k) / H(v_k), for K factors and D dimensions: InfoM = (mean_j max_k N_jk / Σ_k N_jk − 1/K) / (1
    − 1/K), InfoC = (mean_k max_j N_jk / Σ_j N_jk − 1/D) / (1 − 1/D), and InfoE is the mean over factors of (H(v_k) −
    H_L(v_k | z)) / H(v_k), where H_L is the cross-entropy of a logistic regression without penalty on all of the code
    (Hsu et al., *Disentanglement via Latent Quantization* (2023)). Information is estimated by nearest neighbours
    (Ross, *Mutual Information between Discrete and Continuous Data Sets* (2014)); the regression is fitted and
    evaluated on the same standardised codes. Neighbours, iterations and the least range are those of the authors' code,
    which also balances classes in fitting, but not in evaluation. For equally frequent classes this has no effect. Here
    neither is balanced (decision), so that InfoE is hardly below 0. A dimension or factor with no information at all
    counts as spread over all (decision).

    Noise has no factor, yet has a little more information about one than about the others: read InfoM and InfoC beside
    their chance levels, which are far above 0.

    Args:
        codes: real `(images, code)`.
        factors: classes `(images, factors)`, or one factor `(images,)`; real numbers are binned.
        neighbors: among images of a class, for the estimate of information.
        least_range: a dimension whose range is a smaller share of the largest counts in neither InfoM nor InfoC.
        iterations: most of the regression.

    Raises:
        ValueError: for other shapes, values that are not finite, fewer images than dimensions, if nothing varies, and
            for a factor whose value no two images share.
    """
    from sklearn.feature_selection import mutual_info_classif

    call = "infomec(codes, factors)"
    given = inputs(call, codes, factors)
    sharing(call, given)  # which refuses a factor that no neighbours can tell
    entropy = entropies(given.factors)
    values = standardised(given.codes, torch.arange(len(given.codes))).numpy()
    classes = given.factors.numpy().T
    told = [mutual_info_classif(values, column, n_neighbors=neighbors, random_state=0) for column in classes]
    matrix = torch.from_numpy(np.stack(told, 1)) / entropy
    spans = given.codes.amax(0) - given.codes.amin(0)
    live = matrix[spans >= least_range * spans.max()]
    lost = [_cross_entropy(values, column, iterations) for column in classes]
    by_factor = 1 - torch.tensor(lost, dtype=torch.float64) / entropy
    return InfoMEC(
        _concentration(live),
        _concentration(live.T),
        float(by_factor.mean()),
        given.of_factors(by_factor),
        given.as_given(matrix),
        given.coded_by(matrix),
    )


def _concentration(matrix: Tensor) -> float:
    """Return how much of a row's sum is in its largest entry, the mean over rows, from 0 for equal ones to 1 for a
    single one; NaN for rows of one entry."""
    sums, even = matrix.sum(1), 1 / matrix.shape[1]
    if even == 1:
        return torch.nan
    shares = torch.where(sums > 0, matrix.amax(1) / sums, even)
    return float((shares.mean() - even) / (1 - even))


def _cross_entropy(values: NDArray[np.float64], classes: NDArray[np.int64], iterations: int) -> float:
    """Return the cross-entropy in nats of a logistic regression without penalty on its own training data."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    with fitting():  # so many iterations were asked for
        model = LogisticRegression(C=np.inf, max_iter=iterations).fit(values, classes)
    return float(log_loss(classes, model.predict_proba(values)))
