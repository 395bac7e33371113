"""The losses of a Gaussian-mixture prior for recipes: their inputs include the prior itself."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor

from semreg.components.functional import gaussian_log_density, in_float32
from semreg.core import Prior, Role, shape_error
from semreg_gmprior.functional import gaussian_mixture_loss, mixture_total_moments
from semreg_gmprior.prior import GaussianMixture, require_mixture


@in_float32
def gm(
    codes: Annotated[Tensor, Role.CODE],
    labels: Annotated[Tensor, Role.LABEL],
    prior: Annotated[GaussianMixture, Role.PRIOR],
    *,
    likelihood: Annotated[float, Ge(0)] = 0.1,
    margin: Annotated[float, Ge(0)] = 0.0,
) -> Tensor:
    """Compute the GM loss: classification by the mixture plus `likelihood` times the negative log-density (Eq. 9).

    `codes` `(batch, code)`, `labels` the classes `(batch,)`, `prior` a gaussian_mixture; `margin` enlarges the squared
    distance to the own class by that share. Averaged over the batch, summed over the code. Raises ValueError for
    another prior, shapes that don't fit, or a label outside the mixture.
    """
    require_mixture(prior, "gm(codes, labels, prior)")
    return gaussian_mixture_loss(
        codes, labels, prior.means, prior.floored_log_variances(), likelihood=likelihood, margin=margin
    )


@in_float32
def lkd(
    codes: Annotated[Tensor, Role.CODE], labels: Annotated[Tensor, Role.LABEL], prior: Annotated[Prior, Role.PRIOR]
) -> Tensor:
    """Compute the likelihood term: the negative log-density of each code given its class (Eq. 7), averaged over the
    batch.

    `codes` `(batch, code)`, `labels` the classes `(batch,)`. Summed over the code, as in Eq. 7. Raises ValueError for a
    module that is not a prior, shapes that don't fit, or a label outside the mixture.
    """
    if not hasattr(prior, "log_probability"):
        raise ValueError(
            f"lkd(codes, labels, prior) needs a prior with log_probability, found a {type(prior).__name__}"
        )
    return -prior.log_probability(codes, labels).sum() / max(len(codes), 1)


@in_float32
def lkd_unlabelled(
    codes: Tensor, prior: GaussianMixture, *, classes: Literal["known", "unknown"] = "unknown"
) -> Tensor:
    """Compute the likelihood term of images without labels: their negative log-density, averaged over the batch
    (section 3.6).

    Images of the `known` classes follow the mixture (Eq. 6), those of `unknown` ones a single normal distribution with
    the mixture's total mean and variances (Eq. 11). `codes` `(batch, code)`, `prior` a gaussian_mixture. Summed over
    the code. Raises ValueError for another prior or shapes that don't fit.
    """
    require_mixture(prior, "lkd_unlabelled(codes, prior)")
    if classes == "known":
        return -prior.log_probability(codes).sum() / max(len(codes), 1)
    mean, variance = mixture_total_moments(prior.means, prior.floored_log_variances().exp())
    if codes.ndim != 2 or codes.shape[1:] != mean.shape:
        raise shape_error(
            "lkd_unlabelled(codes, prior)", f"batch {len(mean)}", f"the prior's size is {len(mean)}", codes
        )
    return -gaussian_log_density(codes, mean, variance.log()).sum() / max(len(codes), 1)
