"""Separated attribute predictability.

Source: Kumar, Sattigeri and Balakrishnan, *Variational Inference of Disentangled Latent Concepts from Unlabeled
Observations* (2018).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from semreg_disentanglement.functional.common import fitting, gaps, held_out, inputs, standardised

PENALTY = 0.01
"""C of the support vector machines, as in disentanglement_lib."""


class SAP(NamedTuple):
    """The result of `sap`; NaN for those that were left out as constant."""

    sap: float
    """From 0 to 1, the mean over factors; at most 1 minus the accuracy of guessing."""
    gaps: Tensor
    """The gap of each factor, float64 `(factors,)`."""
    matrix: Tensor
    """The accuracy of each single dimension for each factor, float64 `(dimensions, factors)`."""
    coded_by: Tensor
    """The dimension that predicts each factor best, int64 `(factors,)`, -1 for a constant factor."""


def sap(codes: Tensor, factors: Tensor, *, generator: torch.Generator | None = None) -> SAP:
    """Compute separated attribute predictability: how much better one dimension predicts a factor by itself than any
    other.

    SAP = 1/K Σ_k (S_i(k)k − max_{i ≠ i(k)} S_ik), where S_ik is how well dimension i predicts factor k and i(k) the
    best (Kumar et al., *Variational Inference of Disentangled Latent Concepts from Unlabeled Observations* (2018),
    section 3). As in disentanglement_lib, S is the accuracy, on images held out, of a linear support vector machine
    with C = 0.01 and balanced classes. Dimensions are standardised first, so that their scale has no effect.

    Args:
        codes: real `(images, code)`.
        factors: classes `(images, factors)`, or one factor `(images,)`; real numbers are binned.
        generator: source of the images held out, a third.

    Raises:
        ValueError: for other shapes, numbers that are not finite, fewer images than dimensions, or none that vary.
    """
    given = inputs("sap(codes, factors)", codes, factors)
    train, test = held_out(len(given.codes), generator)
    columns = standardised(given.codes, train).T
    scores = [[_accuracy(column, factor, train, test) for factor in given.factors.T] for column in columns]
    matrix = torch.tensor(scores, dtype=torch.float64)
    found = gaps(matrix)
    return SAP(float(found.mean()), given.of_factors(found), given.as_given(matrix), given.coded_by(matrix))


def _accuracy(column: Tensor, factor: Tensor, train: Tensor, test: Tensor) -> float:
    """Return the accuracy of a machine that predicts the factor from one dimension, on the test rows."""
    from sklearn.svm import LinearSVC

    numbers, classes = column[:, None].numpy(), factor.numpy()
    with fitting():
        model = LinearSVC(C=PENALTY, class_weight="balanced", dual=False).fit(numbers[train], classes[train])
    return float(model.score(numbers[test], classes[test]))
