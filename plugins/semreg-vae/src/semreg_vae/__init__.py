"""Variational autoencoders of the literature for semreg, their terms as pure functions.

β-VAE with capacity, β-TCVAE, FactorVAE, DIP-VAE, WAE-MMD, InfoVAE and free bits; importance-weighted and
sliced-Wasserstein autoencoders; quantised codes; independence by kernels, penalties of critics; `docs/vae.md` describes
each.
"""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = [
    "FiniteScalarQuantizer",
    "KLDecomposition",
    "Quantized",
    "ResidualQuantizer",
    "Usage",
    "VectorQuantizer",
    "codebook_loss",
    "commitment",
    "dimension_wise_kl",
    "dip_regularizer",
    "free_bits",
    "hsic",
    "importance_weighted_bound",
    "index_code_information",
    "info_nce",
    "kl_capacity",
    "kl_decomposition",
    "log_density_ratio",
    "mmd",
    "permuted_dimensions",
    "quantized",
    "r1_penalty",
    "r2_penalty",
    "repeated",
    "sliced_wasserstein",
    "total_correlation",
    "usage",
]

if TYPE_CHECKING:
    from semreg_vae.bits import free_bits
    from semreg_vae.capacity import kl_capacity
    from semreg_vae.critics import r1_penalty, r2_penalty
    from semreg_vae.dip import dip_regularizer
    from semreg_vae.discrepancy import mmd
    from semreg_vae.factor_vae import log_density_ratio, permuted_dimensions
    from semreg_vae.importance import importance_weighted_bound, repeated
    from semreg_vae.independence import hsic, info_nce
    from semreg_vae.quantization import Quantized, Usage, codebook_loss, commitment, quantized, usage
    from semreg_vae.quantizers import FiniteScalarQuantizer, ResidualQuantizer, VectorQuantizer
    from semreg_vae.sliced import sliced_wasserstein
    from semreg_vae.tcvae import (
        KLDecomposition,
        dimension_wise_kl,
        index_code_information,
        kl_decomposition,
        total_correlation,
    )
else:
    _MODULES = (
        "bits", "capacity", "critics", "dip", "discrepancy", "factor_vae", "importance", "independence",
        "quantization", "quantizers", "sliced", "tcvae",
    )  # fmt: skip
    __getattr__, __dir__ = lazy_names(__name__, *_MODULES)
