"""DIP-VAE: codes whose moments over all images are those of the prior.

Source: Kumar et al., *Variational Inference of Disentangled Latent Concepts from Unlabeled Observations* (2018).
`recipes/disentanglement/dip_vae_1.toml` and `dip_vae_2.toml` train both forms.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor

from semreg.components.functional import in_float32
from semreg.core import DiagonalGaussian, Role, require_posterior, shape_error


@in_float32
def dip_regularizer(
    posterior: Annotated[DiagonalGaussian, Role.POSTERIOR],
    *,
    form: Literal["I", "II"] = "II",
    diagonal: Annotated[float, Ge(0)] = 1.0,
) -> Tensor:
    """Compute how far the covariance of codes over the batch is from the identity: Σ_{i≠j} C_ij² + `diagonal`·Σ_i (C_ii
    − 1)².

    C is the covariance of the posteriors' means in form I (Eq. 6), and of their draws, which adds the mean of the
    variances to the diagonal, in form II (Eq. 7). The loss's weight is the paper's λ_od, and `diagonal` λ_d / λ_od.

    Args:
        posterior: mean and log-variance `(batch, code)`.
        form: of DIP-VAE.
        diagonal: the weight of the variances relative to that of the covariances.

    Raises:
        ValueError: for another shape, or an unknown form.
    """
    call = "dip_regularizer(posterior)"
    require_posterior(posterior, call)
    mean, log_variance = posterior
    if mean.ndim != 2 or mean.shape != log_variance.shape:
        raise shape_error(call, "batch code, batch code", "a mean and a log-variance for each code", *posterior)
    if form not in ("I", "II"):
        raise ValueError(f"{call}: the form is 'I' or 'II', found {form!r}")
    rows = max(len(mean), 1)
    centred = mean - mean.sum(0) / rows
    covariance = centred.mT @ centred / rows
    variances = covariance.diagonal()
    covariances = (covariance - variances.diag()).square().sum()
    if form == "II":
        variances = variances + log_variance.exp().sum(0) / rows
    return covariances + diagonal * (variances - 1).square().sum()


dip_regularizer.couples_rows = True  # type: ignore[attr-defined]
