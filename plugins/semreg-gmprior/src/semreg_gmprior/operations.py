"""Operations on codes under a Gaussian-mixture prior."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from semreg.components.functional import normal_noise
from semreg.core import Role, require_classes, shape_error
from semreg_gmprior.prior import GaussianMixture, require_mixture


def perturb(
    codes: Annotated[Tensor, Role.CODE],
    labels: Annotated[Tensor, Role.LABEL],
    prior: Annotated[GaussianMixture, Role.PRIOR],
    *,
    scale: Annotated[float, Ge(0)] = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return codes + scale·σ·ε, with the standard deviations σ of each code's class; in evaluations the codes
    themselves.

    A decoder that reconstructs from them sees codes as widespread as draws from the prior; the paper's z_s is a point.
    Gradients flow to the codes, none to the mixture.

    Source: beyond the paper.

    Args:
        codes: `(batch, code)`.
        labels: the classes, integers `(batch,)`.
        prior: a gaussian_mixture of codes of that size.
        scale: 0 leaves the codes unchanged.

    Returns:
        `(batch, code)`, of the codes' type.

    Raises ValueError for another prior, codes of another size, or a label outside the mixture.
    """
    _check(codes, labels, prior)
    deviations = torch.exp(0.5 * prior.floored_log_variances().detach())[labels.long()]
    return codes + scale * deviations.to(codes.dtype) * normal_noise(codes.shape, like=codes, generator=generator)


def _unperturbed(codes: Tensor, labels: Tensor, prior: GaussianMixture) -> Tensor:
    _check(codes, labels, prior)
    return codes


perturb.in_evaluation = _unperturbed  # type: ignore[attr-defined]


def _check(codes: Tensor, labels: Tensor, prior: GaussianMixture) -> None:
    call = "perturb(codes, labels, prior)"
    require_mixture(prior, call)
    if codes.ndim != 2 or codes.shape[1] != prior.size:
        cause = f"the prior's size is {prior.size}"
        raise shape_error(call, f"batch {prior.size}, batch", cause, codes, labels)
    require_classes(call, labels, rows=len(codes), classes=prior.classes)
