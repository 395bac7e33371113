"""The importance-weighted bound: several draws of a code together give a tighter bound than each by itself.

Source: Burda et al., *Importance Weighted Autoencoders* (2016). `recipes/autoencoders/iwae.toml` trains with it.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeVar, cast

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor

from semreg.components.functional import gaussian_log_density, in_float32
from semreg.components.values import map_tensors
from semreg.core import DiagonalGaussian, Prior, Role, require_posterior, shape_error

TensorOrPosterior = TypeVar("TensorOrPosterior", bound=Tensor | tuple[Tensor, ...])
Likelihood = Literal["gaussian", "bernoulli"]


def repeated(x: TensorOrPosterior, *, count: Annotated[int, Ge(1)]) -> TensorOrPosterior:
    """Repeat each row of a tensor or a posterior `(batch, ...)` `count` times in succession, `(batch·count, ...)`.

    A `sample` of a repeated posterior is `count` draws for each image (Burda et al. 2016). In evaluations each row
    appears once.
    """
    return cast(TensorOrPosterior, map_tensors(lambda rows: rows.repeat_interleave(count, dim=0), x))


def _once(x: TensorOrPosterior) -> TensorOrPosterior:
    return x


repeated.in_evaluation = _once  # type: ignore[attr-defined]


@in_float32
def importance_weighted_bound(
    outputs: Annotated[Tensor, Role.OUTPUT],
    targets: Annotated[Tensor, Role.TARGET],
    codes: Annotated[Tensor, Role.CODE],
    posterior: Annotated[DiagonalGaussian, Role.POSTERIOR],
    prior: Annotated[Prior, Role.PRIOR],
    *labels: Tensor,
    likelihood: Likelihood = "gaussian",
    deviation: Annotated[float, Gt(0)] = 1.0,
) -> Tensor:
    """Compute −E[log (1/K) Σ_k p(x|z_k) p(z_k) / q(z_k|x)] in nats, summed over pixels, of K draws z_k ~ q(z|x)
    (Eq. 8).

    For K = 1 it is the negative evidence lower bound; it falls towards −log p(x) as K grows. Any prior with a density
    works: no divergence in closed form is needed. p(x|z) is N(outputs, `deviation`²) of each pixel, or Bernoulli with
    logits `outputs`; for values between 0 and 1 its cross-entropy, as is usual.

    Args:
        outputs: the decoder's output for the codes, `(batch·K, ...)`, an image's K draws one after another, as from
            `repeated`.
        targets: the images, `(batch, ...)`.
        codes: the draws, `(batch·K, code)`.
        posterior: mean and log-variance of each image, `(batch, code)`.
        prior: of the codes.
        labels: that the prior depends on, one row for each image.
        likelihood: p(x|z).
        deviation: of the Gaussian one.

    Raises:
        ValueError: for shapes that do not fit, or an unknown likelihood.
    """
    call = "importance_weighted_bound(outputs, targets, codes, posterior, prior)"
    require_posterior(posterior, call)
    mean, log_variance = posterior
    rows, count = len(targets), len(codes) // max(len(targets), 1) or 1
    fits = (
        mean.ndim == 2 and mean.shape == log_variance.shape and len(mean) == rows
        and codes.shape == (rows * count, mean.shape[1]) and outputs.shape == (rows * count, *targets.shape[1:])
    )  # fmt: skip
    if not fits:
        pattern = "(batch draws) ..., batch ..., (batch draws) code, batch code, batch code"
        cause = "as many draws for each image, one after another"
        raise shape_error(call, pattern, cause, outputs, targets, codes, mean, log_variance)
    if likelihood not in ("gaussian", "bernoulli"):
        raise ValueError(f"{call}: the likelihood is 'gaussian' or 'bernoulli', found {likelihood!r}")
    seen = targets.to(outputs).repeat_interleave(count, dim=0)
    if likelihood == "gaussian":
        log_likelihood = gaussian_log_density(seen, outputs, outputs.new_full((), 2 * math.log(deviation)))
    else:
        log_likelihood = -F.binary_cross_entropy_with_logits(outputs, seen, reduction="none")
    of_each = repeated(DiagonalGaussian(mean, log_variance), count=count)
    log_weights = (
        log_likelihood.flatten(1).sum(1)
        + prior.log_probability(codes, *(repeated(label, count=count) for label in labels))
        - gaussian_log_density(codes, *of_each).sum(1)
    )
    bounds = torch.logsumexp(log_weights.reshape(rows, count), dim=1) - math.log(count)
    return -bounds.sum() / max(rows, 1)
