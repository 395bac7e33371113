"""Simple classifiers fitted on frozen codes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

PENALTY, ITERATIONS = 1.0, 1000
"""The defaults of the linear probe in the evaluation `linear_probe`."""
STOPPED_BY = 0.1
"""The share of the training codes that decides when the MLP's training stops."""


def linear_predictions(
    codes: Tensor, labels: Tensor, *others: Tensor, penalty: float, iterations: int
) -> tuple[Tensor, ...]:
    """Return the predictions for each of the others by a linear classifier fitted on codes `(rows, code)`, as in the
    evaluation `linear_probe`."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=1 / penalty, max_iter=iterations))
    model.fit(codes.double().numpy(), labels.numpy())
    return tuple(torch.from_numpy(model.predict(part.double().numpy())) for part in others)


def mlp_predictions(
    codes: Tensor, labels: Tensor, others: Tensor, hidden: Sequence[int], epochs: int, seed: int
) -> Tensor:
    """Return the predictions for others by an MLP fitted on codes `(rows, code)`.

    A tenth of the codes decides when training stops, or as many codes as there are classes, if these are more.
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
        warnings.simplefilter("ignore", ConvergenceWarning)  # the caller asked for so many epochs
        model.fit(codes.numpy(), labels.numpy())
    return torch.from_numpy(model.predict(others.numpy()))
