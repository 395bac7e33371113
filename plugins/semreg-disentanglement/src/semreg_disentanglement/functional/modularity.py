"""Modularity and explicitness.

Source: Ridgeway and Mozer, *Learning Deep Disentangled Embeddings with the F-Statistic Loss* (2018).
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from semreg_disentanglement.functional.common import (
    BINS,
    binned,
    fitting,
    held_out,
    inputs,
    mutual_information,
    standardised,
)


class ModularityExplicitness(NamedTuple):
    """The result of `modularity_explicitness`; NaN for those that were left out as constant."""

    modularity: float
    """From 0 to 1, the mean over dimensions; NaN if only one factor varies."""
    explicitness: float
    """From 0 to 1, 0.5 for guessing: an area under the ROC curve, the mean over factors."""
    by_dimension: Tensor
    """The modularity of each dimension, float64 `(dimensions,)`."""
    by_factor: Tensor
    """The explicitness of each factor, float64 `(factors,)`."""
    matrix: Tensor
    """I(z_i; v_f) in nats, float64 `(dimensions, factors)`."""
    coded_by: Tensor
    """The dimension with most information about each factor, int64 `(factors,)`, -1 for a constant factor."""


def modularity_explicitness(
    codes: Tensor,
    factors: Tensor,
    *,
    bins: Annotated[int, Ge(2)] = BINS,
    generator: torch.Generator | None = None,
) -> ModularityExplicitness:
    """Compute modularity (a dimension depends on only one factor) and explicitness (a linear classifier predicts all
    factors).

    With m_if = I(z_i; v_f) and θ_i = max_f m_if, dimension i has modularity 1 − Σ_{f ≠ f(i)} m_if² / (θ_i² (K − 1)).
    Explicitness is the area under the ROC curve of a logistic regression on the whole code, one class against the rest,
    on images held out, averaged over classes and then factors (Ridgeway and Mozer, *Learning Deep Disentangled
    Embeddings with the F-Statistic Loss* (2018)). As in disentanglement_lib, mutual information is that of bins, and
    the area is not normalised: guessing has 0.5. Modularity treats a dimension of noise as any other.

    Args:
        codes: real `(images, code)`.
        factors: classes `(images, factors)`, or one factor `(images,)`; real numbers are binned.
        bins: of a dimension.
        generator: source of the images held out, a third.

    Raises:
        ValueError: for other shapes, numbers that are not finite, fewer images than dimensions, or none that vary.
    """
    given = inputs("modularity_explicitness(codes, factors)", codes, factors, bins=bins)
    matrix = mutual_information(binned(given.codes, bins), given.factors)
    train, test = held_out(len(given.codes), generator)
    points = standardised(given.codes, train)
    by_factor = torch.tensor(
        [_area(points[train], factor[train], points[test], factor[test]) for factor in given.factors.T],
        dtype=torch.float64,
    )
    by_dimension = _modularity(matrix)
    return ModularityExplicitness(
        float(by_dimension.mean()),
        float(by_factor.nanmean()),
        given.of_dimensions(by_dimension),
        given.of_factors(by_factor),
        given.as_given(matrix),
        given.coded_by(matrix),
    )


def _modularity(matrix: Tensor) -> Tensor:
    """Return the modularity of each dimension; 0 without information, NaN for all if there is one factor."""
    squares = matrix.square()
    greatest, others = squares.amax(1), matrix.shape[1] - 1
    told = 1 - (squares.sum(1) - greatest) / (greatest * others)
    return torch.where(greatest > 0, told, 0.0 if others else torch.nan)


def _area(codes: Tensor, classes: Tensor, others: Tensor, truth: Tensor) -> float:
    """Return the mean area under the ROC curve, over classes that both halves have, except a class of all of the
    others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    with fitting():
        model = LogisticRegression(max_iter=1000).fit(codes.numpy(), classes.numpy())
    found = []
    probabilities = model.predict_proba(others.numpy())
    for column, value in enumerate(model.classes_):
        own = truth == int(value)
        if own.any() and not own.all():
            found.append(roc_auc_score(own.numpy(), probabilities[:, column]))
    return float(np.mean(found)) if found else float("nan")
