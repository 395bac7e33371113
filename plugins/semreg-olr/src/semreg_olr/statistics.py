"""Statistics of embeddings as pure functions: a logistic regression, scores of verdicts, correlations, components."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, linear

STRENGTHS = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


class LogisticRegression(NamedTuple):
    """One linear layer with a sigmoid per label."""

    weight: Tensor
    """`(labels, features)`."""
    bias: Tensor
    """`(labels,)`."""
    strength: Tensor
    """`(labels,)`: the L2 penalty that each label was fitted with."""

    def probability(self, features: Tensor) -> Tensor:
        """Return probabilities `(batch, labels)` for features `(batch, features)`."""
        return linear(features, self.weight, self.bias).sigmoid()


def fit_logistic_regression(
    features: Tensor,
    labels: Tensor,
    validation_features: Tensor,
    validation_labels: Tensor,
    *,
    strengths: Sequence[float] = STRENGTHS,
    iterations: int = 20,
) -> LogisticRegression:
    """Fit logistic regressions of all labels at once, each with the L2 strength that suits its validation rows best.

    Each label's mean cross-entropy plus strength / 2 · |weight|², over standardised features, is minimised by L-BFGS.
    From the greatest strength downwards, each fit starts from the previous one; the search ends when no label improves
    any more.

    Args:
        features, validation_features: `(rows, features)`.
        labels, validation_labels: `(rows, labels)`, 0 or 1, or NaN if unknown; unknown labels are left out.
        strengths: the penalties to choose from.
        iterations: most L-BFGS iterations for each of them.
    """
    mean, deviation = features.mean(0), features.std(0, correction=0)
    deviation = torch.where(deviation > 1e-6, deviation, 1.0)  # a feature that never varies stays at zero
    features, validation_features = (features - mean) / deviation, (validation_features - mean) / deviation
    # Half a row of either kind: a label that is never, or always, present has no finite odds.
    share = (labels.nansum(0) + 0.5) / ((~labels.isnan()).sum(0) + 1)
    weight = features.new_zeros(labels.shape[1], features.shape[1]).requires_grad_()
    bias = share.logit().requires_grad_()
    best = LogisticRegression(weight.detach().clone(), bias.detach().clone(), torch.full_like(share, torch.inf))
    least = _cross_entropy(validation_features, validation_labels, weight, bias).detach()
    for strength in sorted(strengths, reverse=True):
        _minimise(
            [weight, bias],
            lambda s=strength: (_cross_entropy(features, labels, weight, bias) + s / 2 * weight.square().sum(1)).sum(),  # type: ignore[misc]
            iterations,
        )
        loss = _cross_entropy(validation_features, validation_labels, weight, bias).detach()
        better = loss < least
        if not better.any():
            break
        least = torch.minimum(loss, least)
        best.weight[better], best.bias[better], best.strength[better] = (
            weight[better].detach(),
            bias[better].detach(),
            strength,
        )
    weight = best.weight / deviation
    return LogisticRegression(weight, best.bias - weight @ mean, best.strength)


def _cross_entropy(features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return `(labels,)`: the mean over the rows with a known label."""
    known = ~labels.isnan()
    elements = binary_cross_entropy_with_logits(linear(features, weight, bias), labels.nan_to_num(), reduction="none")
    return elements.where(known, 0).sum(0) / known.sum(0).clamp(min=1)


def _minimise(parameters: list[Tensor], objective: Callable[[], Tensor], iterations: int) -> None:
    optimizer = torch.optim.LBFGS(parameters, max_iter=iterations, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = objective()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]


class Scores(NamedTuple):
    """The agreement of verdicts with labels, `(labels,)` each; NaN for a label that lacks one of its values."""

    accuracy: Tensor
    balanced_accuracy: Tensor
    average_precision: Tensor


def scores(probability: Tensor, labels: Tensor) -> Scores:
    """Return accuracy at 0.5, the mean of the shares found among present and among absent, and average precision.

    Args:
        probability: `(rows, labels)`.
        labels: `(rows, labels)`, present where greater than 0.5, and NaN if unknown; unknown labels are left out.
    """
    from sklearn.metrics import average_precision_score

    present, absent, seen = labels > 0.5, labels <= 0.5, probability > 0.5
    right, known = (present == seen).float(), present | absent
    found = (right * present).sum(0) / present.sum(0)
    rejected = (right * absent).sum(0) / absent.sum(0)
    mixed = present.any(0) & absent.any(0)
    precision = [
        float(average_precision_score(present[of, index].numpy(), probability[of, index].numpy()))
        if mixed[index]
        else torch.nan
        for index, of in enumerate(known.T)
    ]
    return Scores((right * known).sum(0) / known.sum(0), (found + rejected) / 2, torch.tensor(precision))


def majority_accuracy(train_labels: Tensor, labels: Tensor) -> Tensor:
    """Return `(labels,)`: accuracy on `labels` of always predicting the majority of `train_labels`; both
    `(rows, labels)`.

    NaN values are left out.
    """
    guess, known = train_labels.nanmean(0) > 0.5, ~labels.isnan()
    return (((labels > 0.5) == guess) & known).float().sum(0) / known.sum(0)


def correlations(values: Tensor) -> Tensor:
    """Return Pearson correlations `(columns, columns)` of the columns of `(rows, columns)`.

    Computed in float64; NaN if a column does not vary.
    """
    centred = values.double() - values.double().mean(0)
    norms = centred.norm(dim=0)
    norms = torch.where(norms > 1e-9 * values.abs().amax(0).clamp(min=1e-30) * len(values) ** 0.5, norms, torch.nan)
    return ((centred / norms).mT @ (centred / norms)).clamp(-1, 1).float()


def agreement(matrix_a: Tensor, matrix_b: Tensor) -> float:
    """Return the Pearson correlation of two symmetric matrices over their pairs of different indices, without NaN."""
    row, column = torch.triu_indices(len(matrix_a), len(matrix_a), offset=1)
    pairs = torch.stack([matrix_a[row, column], matrix_b[row, column]], 1)
    pairs = pairs[pairs.isfinite().all(1)]
    return float(correlations(pairs)[0, 1]) if len(pairs) > 1 else float("nan")


class PrincipalComponents(NamedTuple):
    """The projections of rows `(rows, k)` on their first component, and all components' shares of the variance."""

    projection: Tensor
    """`(rows,)`, of the rows minus their mean."""
    shares: Tensor
    """`(k,)`, descending; NaN if the rows do not vary."""
    auc: float
    """Area under the ROC curve of the projection for the label; NaN if the label lacks one of its values."""


def principal_components(rows: Tensor, present: Tensor) -> PrincipalComponents:
    """Compute PCA of a label's rows, the first component oriented so that images with the label project higher
    (section 4.3).

    Args:
        rows: `(rows, k)`.
        present: `(rows,)`, present where greater than 0.5; NaN if unknown, which doesn't affect the orientation.
    """
    from sklearn.metrics import roc_auc_score

    centred = rows.double() - rows.double().mean(0)
    variances, directions = torch.linalg.eigh(centred.mT @ centred / len(rows))
    variances = variances.clamp(min=0).flip(0)
    projection = centred @ directions[:, -1]
    mask, other = present > 0.5, present <= 0.5
    mixed = bool(mask.any() and other.any())
    if mixed and projection[mask].mean() < projection[other].mean():
        projection = -projection
    known = mask | other
    auc = float(roc_auc_score(mask[known].numpy(), projection[known].numpy())) if mixed else torch.nan
    return PrincipalComponents(projection.float(), (variances / variances.sum()).float(), auc)
