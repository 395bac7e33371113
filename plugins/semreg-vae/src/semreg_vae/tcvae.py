"""β-TCVAE: the divergence of a VAE in three parts, so that only the dependence between dimensions gets more weight.

Source: Chen et al., *Isolating Sources of Disentanglement in Variational Autoencoders* (2018).

KL(q(z|x) ‖ p(z)) is, averaged over images, the sum of the code's information about the image, of the total correlation
between its dimensions, and of each dimension's divergence from the prior (Eq. 2).
`recipes/disentanglement/beta_tcvae.toml` adds the second to the divergence, which is their Eq. 4 with α = γ = 1 and β =
1 + the weight.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

from annotated_types import Gt
from torch import Tensor

from semreg.components.functional import gaussian_log_density, in_float32
from semreg.core import DiagonalGaussian, Role, require_posterior, shape_error

Codes = Annotated[Tensor, Role.CODE]
Posterior = Annotated[DiagonalGaussian, Role.POSTERIOR]
Images = Annotated[int, Gt(0)] | None
Estimator = Literal["weighted", "stratified"]


class KLDecomposition(NamedTuple):
    """The three parts of a divergence from the standard normal prior, scalars in nats (Eq. 2)."""

    index_code_information: Tensor
    total_correlation: Tensor
    dimension_wise_kl: Tensor


@in_float32
def kl_decomposition(
    codes: Tensor, posterior: DiagonalGaussian, *, images: int | None = None, estimator: Estimator = "weighted"
) -> KLDecomposition:
    """Estimate the three parts of the divergence from a batch; their sum is E[log q(z|x) − log p(z)] for any batch.

    The density of all codes, q(z) = Σ_n q(z|x_n) / N, and that of each dimension, must be estimated from the batch.
    `weighted` treats every image of the batch as one of N: Σ_j q(z|x_j) / (N·batch), which is biased towards low
    densities (Eq. 3). `stratified` gives the image that z is from its share 1/N, and the rest of the batch the
    remaining (N − 1)/N, in equal shares; the paper gives one of them a smaller share than the others (appendix C.2),
    which is the same on average, but depends on the order of the rows. Without `images` the batch counts as all images,
    and both are the same. N doesn't change the gradient of `weighted`, only the figures.

    Args:
        codes: draws from the posterior, `(batch, code)`.
        posterior: of the same batch; mean and log-variance `(batch, code)`.
        images: how many are trained on, N; a batch that is larger counts as N.
        estimator: of the densities.

    Raises:
        ValueError: for shapes that do not fit, or an unknown estimator.
    """
    call = "kl_decomposition(codes, posterior)"
    require_posterior(posterior, call)
    mean, log_variance = posterior
    if codes.ndim != 2 or mean.shape != codes.shape or log_variance.shape != codes.shape:
        raise shape_error(call, "batch code, batch code, batch code", "a posterior for each code", codes, *posterior)
    if estimator not in ("weighted", "stratified"):
        raise ValueError(f"{call}: the estimator is 'weighted' or 'stratified', found {estimator!r}")
    rows = max(len(codes), 1)
    shares = _log_shares(codes, images, estimator)
    under_each = gaussian_log_density(codes[:, None], mean, log_variance)  # (batch, posterior, code)
    log_density = (under_each.sum(2) + shares).logsumexp(1)
    log_marginals = (under_each + shares[:, :, None]).logsumexp(1)
    zero = codes.new_zeros(())
    parts = (
        gaussian_log_density(codes, mean, log_variance).sum(1) - log_density,
        log_density - log_marginals.sum(1),
        (log_marginals - gaussian_log_density(codes, zero, zero)).sum(1),
    )
    return KLDecomposition(*(part.sum() / rows for part in parts))


kl_decomposition.couples_rows = True  # type: ignore[attr-defined]


@in_float32
def index_code_information(
    codes: Codes, posterior: Posterior, *, images: Images = None, estimator: Estimator = "weighted"
) -> Tensor:
    """Estimate a code's information about its image, in nats (the first term of Eq. 2).

    Inputs `(batch, code)`, options and errors are those of `kl_decomposition`.
    """
    return kl_decomposition(codes, posterior, images=images, estimator=estimator).index_code_information


index_code_information.couples_rows = True  # type: ignore[attr-defined]


@in_float32
def total_correlation(
    codes: Codes, posterior: Posterior, *, images: Images = None, estimator: Estimator = "weighted"
) -> Tensor:
    """Estimate the dependence between the dimensions of all codes, in nats (the second term of Eq. 2).

    KL(q(z) ‖ Π_j q(z_j)): 0 if they are independent. Inputs `(batch, code)`, options and errors are those of
    `kl_decomposition`.
    """
    return kl_decomposition(codes, posterior, images=images, estimator=estimator).total_correlation


total_correlation.couples_rows = True  # type: ignore[attr-defined]


@in_float32
def dimension_wise_kl(
    codes: Codes, posterior: Posterior, *, images: Images = None, estimator: Estimator = "weighted"
) -> Tensor:
    """Estimate how far each dimension of all codes is from a standard normal distribution, in nats (the third term of
    Eq. 2).

    Σ_j KL(q(z_j) ‖ N(0, 1)). Inputs `(batch, code)`, options and errors are those of `kl_decomposition`.
    """
    return kl_decomposition(codes, posterior, images=images, estimator=estimator).dimension_wise_kl


dimension_wise_kl.couples_rows = True  # type: ignore[attr-defined]


def _log_shares(codes: Tensor, images: int | None, estimator: Estimator) -> Tensor:
    """Return the logarithm of posterior j's share in the density at code i, `(batch, batch)`."""
    rows = max(len(codes), 1)
    shape = (len(codes), len(codes))
    if images is None:
        return codes.new_full(shape, -math.log(rows))
    images = max(images, rows)
    if estimator == "weighted":
        return codes.new_full(shape, -math.log(images * rows))
    of_others = (1 - 1 / images) / max(rows - 1, 1)
    return codes.new_full(shape, math.log(of_others or 1.0)).fill_diagonal_(-math.log(images))
