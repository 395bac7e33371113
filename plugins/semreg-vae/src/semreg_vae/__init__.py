"""Variational autoencoders of the literature of disentanglement for semreg, their terms as pure functions.

β-VAE with capacity, β-TCVAE, FactorVAE, DIP-VAE, WAE-MMD, InfoVAE and free bits; `docs/vae.md` tells of each.
"""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = [
    "KLDecomposition",
    "dimension_wise_kl",
    "dip_regularizer",
    "free_bits",
    "index_code_information",
    "kl_capacity",
    "kl_decomposition",
    "log_density_ratio",
    "mmd",
    "permuted_dimensions",
    "total_correlation",
]

if TYPE_CHECKING:
    from semreg_vae.bits import free_bits
    from semreg_vae.capacity import kl_capacity
    from semreg_vae.dip import dip_regularizer
    from semreg_vae.discrepancy import mmd
    from semreg_vae.factor_vae import log_density_ratio, permuted_dimensions
    from semreg_vae.tcvae import (
        KLDecomposition,
        dimension_wise_kl,
        index_code_information,
        kl_decomposition,
        total_correlation,
    )
else:
    __getattr__, __dir__ = lazy_names(__name__, "bits", "capacity", "dip", "discrepancy", "factor_vae", "tcvae")
