"""The losses of a Gaussian-mixture prior, as recipes call them: with the prior itself."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from semreg.components.interfaces import Prior
from semreg_gmprior.functional import gaussian_mixture_loss
from semreg_gmprior.prior import GaussianMixture


def gm(
    codes: Tensor,
    labels: Tensor,
    prior: GaussianMixture,
    *,
    likelihood: Annotated[float, Ge(0)] = 0.1,
    margin: Annotated[float, Ge(0)] = 0.0,
) -> Tensor:
    """The GM loss: classification by the mixture plus `likelihood` times the negative log-density (Eq. 9).

    `codes` `(batch, code)`, `labels` the classes `(batch,)`, `prior` a gaussian_mixture; `margin` enlarges the squared
    distance to the own class by that share. Averaged over the batch, summed over the code. Raises ValueError for
    another prior, shapes that don't fit, or a label outside the mixture.
    """
    if not isinstance(prior, GaussianMixture):
        raise ValueError(f"gm(codes, labels, prior) needs a gaussian_mixture as its prior, found {_name(prior)}")
    return gaussian_mixture_loss(
        codes, labels, prior.means, prior.floored_log_variances(), likelihood=likelihood, margin=margin
    )


def lkd(codes: Tensor, labels: Tensor, prior: Prior) -> Tensor:
    """The likelihood term: the negative log-density of each code given its class (Eq. 7), averaged over the batch.

    `codes` `(batch, code)`, `labels` the classes `(batch,)`. Summed over the code, as Eq. 7 has it. Raises ValueError
    for a module that is no prior, shapes that don't fit, or a label outside the mixture.
    """
    if not hasattr(prior, "log_probability"):
        raise ValueError(f"lkd(codes, labels, prior) needs a prior with log_probability, found {_name(prior)}")
    return -prior.log_probability(codes, labels).sum() / max(len(codes), 1)


def _name(prior: object) -> str:
    return f"a {type(prior).__name__}"
