"""Losses: scalars, the mean over batch and elements; a loss is independent of the modules that it trains.

`reduction = "sum"` sums the elements and averages over the batch. An empty batch gives a connected zero. All compute
and return at least float32, for inputs of any type.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Lt
from torch import Tensor

from semreg.components.functional import in_float32
from semreg.components.posteriors import log_density_of
from semreg.core import ClosedFormPrior, Prior, Role, at_hand, require_classes, require_equal_shapes, shape_error

Reduction = Literal["mean", "sum"]
AdversarialForm = Literal["log", "hinge", "wasserstein"]


@in_float32
def l1(a: Tensor, b: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Compute the absolute difference |a − b| of tensors of one shape `(batch, ...)`. Raises ValueError if shapes
    differ."""
    require_equal_shapes("l1(a, b)", "batch ..., batch ...", a, b)
    return F.l1_loss(a, b, reduction="sum") / _divisor(a, reduction)


@in_float32
def l2(a: Tensor, b: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Compute the squared difference (a − b)² of tensors of one shape `(batch, ...)`. Raises ValueError if shapes
    differ."""
    require_equal_shapes("l2(a, b)", "batch ..., batch ...", a, b)
    return F.mse_loss(a, b, reduction="sum") / _divisor(a, reduction)


@in_float32
def binary_cross_entropy(
    logits: Tensor, targets: Tensor, known: Tensor | None = None, *, reduction: Reduction = "mean"
) -> Tensor:
    """Compute the cross-entropy in nats of independent binary labels, from logits (not from probabilities).

    `logits` and `targets` `(batch, labels)`, or any other shape they share; targets in [0, 1]. `known`, of the same
    shape, is 1 for a known label and 0 otherwise. With it, the loss is the mean over the known elements (or their sum,
    averaged over the batch), for any values of the other targets; a connected zero if none is known. Raises ValueError
    if shapes differ, or if known targets are outside of [0, 1].
    """
    call = "binary_cross_entropy(logits, targets)"
    require_equal_shapes(call, "batch labels, batch labels", logits, targets)
    if known is None:
        _require_shares(call, targets)
        total = F.binary_cross_entropy_with_logits(logits, targets.to(logits), reduction="sum")
        return total / _divisor(logits, reduction)
    call = "binary_cross_entropy(logits, targets, known)"
    require_equal_shapes(call, "batch labels, batch labels, batch labels", logits, known)
    seen = known > 0.5
    targets = targets.where(seen, 0)
    _require_shares(call, targets)
    elements = F.binary_cross_entropy_with_logits(logits, targets.to(logits), reduction="none")
    total = elements.where(seen, 0).sum()
    return total / (seen.sum().clamp(min=1) if reduction == "mean" else _divisor(logits, reduction))


binary_cross_entropy.couples_rows = True  # type: ignore[attr-defined]  # by the number of known elements


@in_float32
def cross_entropy(logits: Tensor, classes: Tensor, *, label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0) -> Tensor:
    """Compute the cross-entropy in nats of exclusive classes, averaged over the batch.

    `logits` `(batch, classes)`; `classes` int64 `(batch,)`; `label_smoothing` is the share of each target spread evenly
    over all classes. Raises ValueError if the shapes don't fit, or for a class that does not exist.
    """
    call = "cross_entropy(logits, classes)"
    if logits.ndim != 2 or classes.shape != logits.shape[:1]:
        cause = "one row of logits and one class for each image"
        raise shape_error(call, "batch classes, batch", cause, logits, classes)
    require_classes(call, classes, rows=len(logits), classes=logits.shape[1])
    total = F.cross_entropy(logits, classes.long(), reduction="sum", label_smoothing=label_smoothing)
    return total / max(len(logits), 1)


@in_float32
def uniform_cross_entropy(logits: Tensor) -> Tensor:
    """Compute the cross-entropy in nats of a classifier's output with equal shares of all classes, averaged over the
    batch.

    An encoder minimises it so that a classifier of its codes can't predict the class. `logits` `(batch, classes)`. It
    is at least log(classes), reached if the classifier is indifferent. Raises ValueError for another shape, or no
    class.

    Source: Zheng and Sun, *Disentangling Latent Space for VAE by Label Relevant/Irrelevant Dimensions* (2019), Eq. 5.
    """
    if logits.ndim != 2 or not logits.shape[1]:
        raise shape_error("uniform_cross_entropy(logits)", "batch classes", "one row of logits for each image", logits)
    return -F.log_softmax(logits, dim=1).mean(1).sum() / max(len(logits), 1)


@in_float32
def kl_divergence(
    posterior: Annotated[Any, Role.POSTERIOR],
    prior: Annotated[ClosedFormPrior, Role.PRIOR],
    *labels: Tensor,
    reduction: Reduction = "mean",
) -> Tensor:
    """Compute KL(posterior ‖ prior) in nats, by the prior's own `kl_divergence(posterior, *labels)`.

    The default averages over batch and code; the usual evidence lower bound needs `reduction = "sum"`. Raises
    ValueError if the prior has no closed form for it.
    """
    elements = divergence_elements("kl_divergence(posterior, prior)", posterior, prior, *labels)
    return elements.sum() / _divisor(elements, reduction)


@in_float32
def kl_estimate(
    draw: Annotated[Tensor, Role.CODE],
    posterior: Annotated[Any, Role.POSTERIOR],
    prior: Annotated[Prior, Role.PRIOR],
    *labels: Tensor,
    reduction: Reduction = "mean",
) -> Tensor:
    """Estimate KL(posterior ‖ prior) in nats from one draw of the posterior: log q(draw) − log p(draw).

    It is for priors without a closed form, and for posteriors other than the prior's own. Its mean over draws is the
    divergence; one draw may be below 0. Gradients flow through the draw and both densities.

    Source: Kingma and Welling, *Auto-Encoding Variational Bayes* (2014), Eq. 6.

    Args:
        draw: `(batch, code)`, as from `sample(posterior)`.
        posterior: that the draw is from.
        prior: any, by its `log_probability(draw, *labels)`.
        labels: that the prior depends on.
        reduction: "mean" also divides by the length of the code, as `kl_divergence` does; the usual evidence lower
            bound needs "sum".

    Raises:
        ValueError: if an input is not a posterior or a prior, and for shapes that do not fit.
    """
    call = "kl_estimate(draw, posterior, prior)"
    if not hasattr(prior, "log_probability"):
        raise ValueError(f"{call} needs a prior with a method log_probability; found a {type(prior).__name__}")
    own = log_density_of(call, posterior, draw)
    return (own - prior.log_probability(draw, *labels)).sum() / _divisor(draw, reduction)


def divergence_elements(call: str, posterior: Any, prior: ClosedFormPrior, *labels: Tensor) -> Tensor:
    """Compute KL(posterior ‖ prior) of each element in nats, `(batch, code)`, for a loss of the call `call`.

    Raises ValueError if the prior has no closed form for it.
    """
    if not hasattr(prior, "kl_divergence"):
        raise ValueError(
            f"{call} needs a prior with a method kl_divergence; found a {type(prior).__name__}. Any prior will do for "
            "kl_estimate(draw, posterior, prior)"
        )
    return prior.kl_divergence(posterior, *labels)


@in_float32
def adversarial_critic(real: Tensor, fake: Tensor, *, form: AdversarialForm = "log") -> Tensor:
    """Compute the loss of a critic of real and fake samples, which should score the real ones high and the fake ones
    low.

    `log`: E[softplus(−real)] + E[softplus(fake)], cross-entropies with the scores as logits; `hinge`: E[max(0, 1 −
    real)] + E[max(0, 1 + fake)] (Miyato et al. 2018); `wasserstein`: E[fake] − E[real] (Arjovsky et al. 2017), whose
    critic must be kept Lipschitz by other means.

    `real` and `fake` are scores of any shapes `(batch, ...)`, one for each sample or each patch; each is averaged over
    its elements. The log form is at least 0, and log 4 for a critic without information.

    Source: Goodfellow et al., *Generative Adversarial Nets* (2014).
    """
    if form == "wasserstein":
        return _average(fake) - _average(real)
    return _average(_adversarial(-real, form)) + _average(_adversarial(fake, form))


@in_float32
def adversarial_generator(fake: Tensor, *, form: AdversarialForm = "log") -> Tensor:
    """Compute the loss of the generator of fake samples, which the critic should score high.

    `log`: E[softplus(−fake)], the form whose gradient does not vanish if the critic is sure; `hinge` and `wasserstein`:
    −E[fake]. `fake` are the critic's scores, of any shape `(batch, ...)`.

    Source: Goodfellow et al., *Generative Adversarial Nets* (2014).
    """
    return _average(_adversarial(-fake, form) if form == "log" else -fake)


def _require_shares(call: str, targets: Tensor) -> None:
    """Raise ValueError for targets beyond [0, 1], or NaN; on a GPU, which would wait, the device itself
    stops at them."""
    if targets.is_cuda:
        torch._assert_async((targets.clamp(0, 1) == targets).all(), f"{call}: targets are in [0, 1]")
    if targets.numel() and at_hand(targets):
        least, greatest = (float(value) for value in targets.detach().aminmax())
        if not 0 <= least <= greatest <= 1:
            found = "NaN" if math.isnan(least) else f"values from {least:g} to {greatest:g}"
            raise ValueError(f"{call}: targets are in [0, 1]; found {found}")


def _adversarial(scores: Tensor, form: AdversarialForm) -> Tensor:
    return F.softplus(scores) if form == "log" else F.relu(1 + scores)


def _average(elements: Tensor) -> Tensor:
    return elements.sum() / _divisor(elements, "mean")


def _divisor(elements: Tensor, reduction: Reduction) -> int:
    # at least one: an empty batch gives a zero that is still connected to its inputs; a mean would be NaN
    return max(elements.numel() if reduction == "mean" else len(elements), 1)
