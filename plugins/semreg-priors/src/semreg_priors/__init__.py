"""Priors of codes for semreg, each a module that works with every loss, and posteriors besides the normal one.

Mixtures, VampPrior, spheres, heavy tails, normalizing flows, and densities fitted after training; `docs/priors.md`
describes each.
"""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = [
    "Factorised",
    "FittedGaussian",
    "FittedMixture",
    "FlowPosterior",
    "FlowPrior",
    "FullCovarianceGaussian",
    "GeneralisedNormal",
    "Laplace",
    "MixtureOfGaussians",
    "PowerSpherical",
    "StudentT",
    "UniformOnSphere",
    "VampPrior",
    "flow_posterior",
    "full_covariance_gaussian",
    "power_spherical",
]

if TYPE_CHECKING:
    from semreg_priors.fitted import FittedGaussian, FittedMixture
    from semreg_priors.flow import FlowPrior
    from semreg_priors.mixtures import Factorised, MixtureOfGaussians
    from semreg_priors.posteriors import (
        FlowPosterior,
        FullCovarianceGaussian,
        flow_posterior,
        full_covariance_gaussian,
    )
    from semreg_priors.sphere import PowerSpherical, UniformOnSphere, power_spherical
    from semreg_priors.tails import GeneralisedNormal, Laplace, StudentT
    from semreg_priors.vamp import VampPrior
else:
    __getattr__, __dir__ = lazy_names(__name__, "fitted", "flow", "mixtures", "posteriors", "sphere", "tails", "vamp")
