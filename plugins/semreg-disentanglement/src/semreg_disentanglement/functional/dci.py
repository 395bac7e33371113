"""Disentanglement, completeness and informativeness.

Source: Eastwood and Williams, *A Framework for the Quantitative Evaluation of Disentangled Representations* (2018).
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from semreg_disentanglement.functional.common import Inputs, drawn_seed, entropy, fitting, held_out, inputs

Regressor = Literal["extra_trees", "gradient_boosting"]
TREES, LEAF = 50, 5
"""The number of extra trees, and the fewest images in a leaf."""


class DCI(NamedTuple):
    """The result of `dci`; NaN for those that were left out as constant."""

    disentanglement: float
    """From 0 to 1; NaN if only one factor varies."""
    completeness: float
    """From 0 to 1; NaN if only one dimension varies."""
    informativeness: float
    """Accuracy on images held out, the mean over factors."""
    by_dimension: Tensor
    """The disentanglement of each dimension, float64 `(dimensions,)`."""
    by_factor: Tensor
    """The completeness of each factor, float64 `(factors,)`."""
    accuracies: Tensor
    """The accuracy for each factor, float64 `(factors,)`."""
    matrix: Tensor
    """The importance of each dimension for predicting each factor, float64 `(dimensions, factors)`;
    columns sum to 1."""
    coded_by: Tensor
    """The most important dimension for each factor, int64 `(factors,)`, -1 for a constant factor."""


def dci(
    codes: Tensor,
    factors: Tensor,
    *,
    regressor: Regressor = "extra_trees",
    generator: torch.Generator | None = None,
) -> DCI:
    """Compute disentanglement, completeness and informativeness from each dimension's importance for predicting each
    factor.

    With the importances R_ij of dimension i for factor j, P_ij = R_ij / Σ_k R_ik and Q_ij = R_ij / Σ_d R_dj: D_i = 1 −
    H_K(P_i·), averaged with weights Σ_j R_ij; C_j = 1 − H_D(Q_·j), averaged with weights Σ_i R_ij; entropies have the
    number of factors K and of dimensions D as base (Eastwood and Williams, *A Framework for the Quantitative Evaluation
    of Disentangled Representations* (2018), section 2). As in disentanglement_lib, factors are classes, importances are
    a classifier's mean decreases of impurity, and informativeness is its accuracy on images held out.

    Args:
        codes: real `(images, code)`.
        factors: classes `(images, factors)`, or one factor `(images,)`; real numbers are binned.
        regressor: "extra_trees", 50 with at least 5 images in a leaf, each split the best of one random threshold per
            dimension; or the literature's "gradient_boosting" (scikit-learn's defaults), which takes minutes.
        generator: source of the images held out, a third, and of the trees.

    Raises:
        ValueError: for other shapes, numbers that are not finite, fewer images than dimensions, or none that vary.
    """
    given = inputs("dci(codes, factors)", codes, factors)
    return dci_of_inputs(given, regressor, generator or torch.Generator().manual_seed(0))


def dci_of_inputs(given: Inputs, regressor: Regressor, generator: torch.Generator) -> DCI:
    """Compute `dci` of checked inputs."""
    train, test = held_out(len(given.codes), generator)
    matrix, accuracies = importances(given, train, test, regressor, drawn_seed(generator))
    by_dimension, by_factor = _concentration(matrix), _concentration(matrix.T)
    return DCI(
        _average(by_dimension, matrix.sum(1)),
        _average(by_factor, matrix.sum(0)),
        float(accuracies.mean()),
        given.of_dimensions(by_dimension),
        given.of_factors(by_factor),
        given.of_factors(accuracies),
        given.as_given(matrix),
        given.coded_by(matrix),
    )


def importances(given: Inputs, train: Tensor, test: Tensor, regressor: Regressor, seed: int) -> tuple[Tensor, Tensor]:
    """Return the importances `(dimensions, factors)` of classifiers fitted on the training rows, and their accuracies
    `(factors,)` on the test rows, float64."""
    from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier

    codes, columns, accuracies = given.codes.numpy(), [], []
    for factor in given.factors.T.numpy():
        if regressor == "extra_trees":
            model = ExtraTreesClassifier(TREES, max_features=None, min_samples_leaf=LEAF, random_state=seed)
        else:
            model = GradientBoostingClassifier(random_state=seed)
        with fitting():
            model.fit(codes[train], factor[train])
        columns.append(torch.from_numpy(model.feature_importances_).abs())  # boosting's may be just below 0
        accuracies.append(model.score(codes[test], factor[test]))
    return torch.stack(columns, 1), torch.tensor(accuracies, dtype=torch.float64)


def _concentration(importance: Tensor) -> Tensor:
    """Return how far each row `(rows, columns)` concentrates on one column: 1 minus its entropy to the base of the
    number of columns."""
    columns = importance.shape[1]
    shares = importance / importance.sum(1, keepdim=True).clamp(min=torch.finfo(importance.dtype).tiny)
    if columns < 2:
        return torch.full_like(shares[:, 0], torch.nan)
    return 1 - entropy(shares) / math.log(columns)


def _average(values: Tensor, weights: Tensor) -> float:
    """Return the weighted mean; 0 if all weights are 0."""
    return float((values * weights).sum() / weights.sum()) if weights.sum() > 0 else 0.0
