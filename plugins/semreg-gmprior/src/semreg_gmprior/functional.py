"""The mathematics of the Gaussian-mixture prior as pure functions: densities, the GM loss and total moments.

Every class has a normal distribution of codes with a diagonal covariance; all classes are equally likely. Densities are
computed in float64 for codes of any type: squared distances to all classes come from matrix products, in which digits
cancel. For codes and means at most r from the means' centre in each element, and a smallest standard deviation σ, a
squared distance in units of σ is off by about 1e-15·(r/σ)² for each element of the code. The distance to a code's own
class comes from differences and has no such error. Logarithms are natural. Log-variances below −700 overflow.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from semreg.components.functional import in_float32
from semreg.core import at_hand, require_classes, shape_error


@in_float32
def gaussian_mixture_loss(
    codes: Tensor,
    labels: Tensor,
    means: Tensor,
    log_variances: Tensor,
    *,
    likelihood: Annotated[float, Ge(0)] = 0.1,
    margin: Annotated[float, Ge(0)] = 0.0,
) -> Tensor:
    """Compute L_GM = −log q(y|z) − likelihood·log N(z; μ_y, Σ_y), averaged over the batch (Eq. 7–9).

    The first term is the cross-entropy of the class given the code under the mixture. A margin multiplies its squared
    distance to the own class by 1 + margin, as in Wan et al., *Rethinking Feature Distribution for Loss Functions in
    Image Classification* (2018). Memory is (batch, classes) and (batch, code).

    Args:
        codes: `(batch, code)`.
        labels: the classes, integers `(batch,)`.
        means: of the classes, `(classes, code)`.
        log_variances: `(classes, code)`.
        likelihood: λ_lkd, the weight of the second term.
        margin: at least 0; the paper's release has 0.

    Returns:
        A scalar in nats, float64 for codes of float64, else float32; a connected zero for an empty batch.

    Raises:
        ValueError: for shapes that do not fit, a label outside the mixture, or a negative weight or margin.
    """
    if not (likelihood >= 0 and margin >= 0):
        raise ValueError(f"likelihood and margin are at least 0, found {likelihood} and {margin}")
    _check_labels("gaussian_mixture_loss(codes, labels, means, log_variances)", codes, labels, means, log_variances)
    squared, log_scale = _own_distance(codes, labels, means, log_variances)
    own = -0.5 * (squared + log_scale)
    logits = mixture_log_densities(codes.double(), means, log_variances)
    logits = logits.scatter(1, labels.long()[:, None], (own - 0.5 * margin * squared)[:, None])
    total = F.cross_entropy(logits, labels.long(), reduction="sum") - likelihood * own.sum()
    return (total / max(len(codes), 1)).to(_result(codes))


def mixture_log_likelihood(codes: Tensor, labels: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    """Compute log N(z; μ_y, Σ_y), the log-density of each code under the distribution of its class (Eq. 7 without the
    sign).

    Args:
        codes: `(batch, code)`.
        labels: the classes, integers `(batch,)`.
        means: of the classes, `(classes, code)`.
        log_variances: `(classes, code)`.

    Returns:
        `(batch,)` in nats, summed over the code; float64 for codes of float64, else float32.

    Raises:
        ValueError: for shapes that do not fit, or a label outside the mixture.
    """
    _check_labels("mixture_log_likelihood(codes, labels, means, log_variances)", codes, labels, means, log_variances)
    squared, log_scale = _own_distance(codes, labels, means, log_variances)
    return (-0.5 * (squared + log_scale)).to(_result(codes))


def mixture_log_densities(codes: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    """Compute log N(z; μ_c, Σ_c) of each code under each class, by matrix products.

    Their softmax over the classes is q(c|z); their log-sum-exp minus log(classes) is the density of the mixture
    (Eq. 6).

    Args:
        codes: `(batch, code)`.
        means: of the classes, `(classes, code)`.
        log_variances: `(classes, code)`.

    Returns:
        `(batch, classes)` in nats; float64 for codes of float64, else float32.

    Raises:
        ValueError: for shapes that do not fit.
    """
    _check_mixture("mixture_log_densities(codes, means, log_variances)", codes, means, log_variances)
    # A common translation keeps the distances; with the centre of the means the fewest digits cancel.
    centre = means.detach().double().mean(0)
    points, centres, log_scale = codes.double() - centre, means.double() - centre, log_variances.double()
    precision = torch.exp(-log_scale)
    weighted = centres * precision
    squared = points.square() @ precision.mT - 2 * points @ weighted.mT + (centres * weighted).sum(1)
    constant = (math.log(2 * math.pi) + log_scale).sum(1)
    return (-0.5 * (constant + squared.clamp(min=0))).to(_result(codes))


def mixture_total_moments(means: Tensor, variances: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Compute the mean and the variances of a whole mixture, by the law of total variance (Eq. 11).

    The variance is Σ p_c σ_c² + Σ p_c (μ_c − μ_t)²: Eq. 11 has the same value as a difference of squares, in which
    digits cancel and the variance may become negative.

    Args:
        means: of the classes, `(classes, code)`.
        variances: `(classes, code)`.
        weights: how likely each class is, `(classes,)`, at least 0, divided by their sum; equal by default.

    Returns:
        Mean and variance, `(code,)` each.

    Raises:
        ValueError: for shapes that do not fit, or weights that are negative, not finite or all 0.
    """
    if means.ndim != 2 or not len(means) or variances.shape != means.shape:
        cause = "one row for each class"
        raise shape_error("mixture_total_moments(means, variances)", "classes code, classes code", cause,
                          means, variances)  # fmt: skip
    if weights is None:
        weights = means.new_ones(len(means))
    elif weights.shape != means.shape[:1]:
        cause = "one weight for each class"
        raise shape_error("mixture_total_moments(means, variances, weights)", "classes code, classes code, classes",
                          cause, means, variances, weights)  # fmt: skip
    elif at_hand(weights) and not (bool((weights >= 0).all()) and 0 < float(weights.sum()) < math.inf):
        raise ValueError(f"weights are at least 0 and not all 0, found {weights.tolist()}")
    weights = weights.to(means)
    share = (weights / weights.sum())[:, None]
    mean = (share * means).sum(0)
    return mean, (share * (variances + (means - mean).square())).sum(0)


def class_variances(codes: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Compute the variances of codes in each class, `(classes, code)`, float64; NaN for classes with fewer than two
    codes.

    Args:
        codes: `(batch, code)`.
        labels: the classes, integers `(batch,)`.
        classes: how many there are.

    Raises:
        ValueError: for shapes that do not fit, or a label outside the classes.
    """
    call = "class_variances(codes, labels, classes)"
    if codes.ndim != 2:
        raise shape_error(call, "batch code, batch", "a code is a vector", codes, labels)
    require_classes(call, labels, rows=len(codes), classes=classes)
    counts = labels.long().bincount(minlength=classes).double()[:, None]
    values, zeros = codes.double(), codes.new_zeros(classes, codes.shape[1], dtype=torch.float64)
    means = zeros.index_add(0, labels.long(), values) / counts
    squared = zeros.index_add(0, labels.long(), (values - means[labels.long()]).square())
    return (squared / (counts - 1)).where(counts > 1, math.nan)


def _own_distance(codes: Tensor, labels: Tensor, means: Tensor, log_variances: Tensor) -> tuple[Tensor, Tensor]:
    """Return the squared distance of each code to its class's mean in units of σ_y, and log |2πΣ_y|: `(batch,)`,
    float64.

    It is computed from differences, and therefore exact however near the code is to the mean.
    """
    own = labels.long()
    log_variance = log_variances.double()[own]
    squared = ((codes.double() - means.double()[own]).square() * torch.exp(-log_variance)).sum(1)
    return squared, (math.log(2 * math.pi) + log_variance).sum(1)


def _result(codes: Tensor) -> torch.dtype:
    return torch.promote_types(codes.dtype, torch.float32)


def _check_mixture(call: str, codes: Tensor, means: Tensor, log_variances: Tensor) -> None:
    fits = codes.ndim == means.ndim == 2 and codes.shape[1] == means.shape[1] and len(means)
    if not fits or log_variances.shape != means.shape:
        cause = "codes and classes are of one size, and there is at least one class"
        raise shape_error(call, "batch code, classes code, classes code", cause, codes, means, log_variances)


def _check_labels(call: str, codes: Tensor, labels: Tensor, means: Tensor, log_variances: Tensor) -> None:
    _check_mixture(call, codes, means, log_variances)
    require_classes(call, labels, rows=len(codes), classes=len(means))
