"""A Gaussian-mixture prior whose components are the classes, for semreg.

Source: Zheng and Sun, *Disentangling Latent Space for VAE by Label Relevant/Irrelevant Dimensions* (2019).
"""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = [
    "GaussianMixture",
    "ProjectionCritic",
    "ToyClasses",
    "class_variances",
    "gaussian_mixture_loss",
    "gm",
    "lkd",
    "lkd_unlabelled",
    "mixture_log_densities",
    "mixture_log_likelihood",
    "mixture_total_moments",
    "perturb",
]

if TYPE_CHECKING:
    from semreg_gmprior.critic import ProjectionCritic
    from semreg_gmprior.dataset import ToyClasses
    from semreg_gmprior.functional import (
        class_variances,
        gaussian_mixture_loss,
        mixture_log_densities,
        mixture_log_likelihood,
        mixture_total_moments,
    )
    from semreg_gmprior.losses import gm, lkd, lkd_unlabelled
    from semreg_gmprior.operations import perturb
    from semreg_gmprior.prior import GaussianMixture
else:
    __getattr__, __dir__ = lazy_names(__name__, "functional", "prior", "losses", "operations", "critic", "dataset")
