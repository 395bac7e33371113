"""Simple classifiers fitted on frozen codes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

PENALTY, ITERATIONS = 1.0, 1000
"""Of the linear probe, as the evaluation `linear_probe` has them unless told otherwise."""
STOPPED_BY = 0.1
"""The share of the training codes on which the MLP's training is stopped."""


def linear_predictions(
    codes: Tensor, labels: Tensor, *others: Tensor, penalty: float, iterations: int
) -> tuple[Tensor, ...]:
    """What a linear classifier fitted on codes `(rows, code)`, as the evaluation `linear_probe` says, sees in each of
    the others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=1 / penalty, max_iter=iterations))
    model.fit(codes.double().numpy(), labels.numpy())
    return tuple(torch.from_numpy(model.predict(part.double().numpy())) for part in others)


def mlp_predictions(
    codes: Tensor, labels: Tensor, others: Tensor, hidden: Sequence[int], epochs: int, seed: int
) -> Tensor:
    """What an MLP fitted on codes `(rows, code)` sees in others.

    It stops by a tenth of the codes, or by as many as there are classes, where these are more.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    share = max(STOPPED_BY, int((labels.bincount() > 0).sum()) / len(labels))
    classifier = MLPClassifier(
        tuple(hidden), max_iter=epochs, early_stopping=True, validation_fraction=share, random_state=seed
    )
    model = make_pipeline(StandardScaler(), classifier)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many epochs were asked for
        model.fit(codes.numpy(), labels.numpy())
    return torch.from_numpy(model.predict(others.numpy()))
