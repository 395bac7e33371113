"""Metrics of disentanglement for semreg, and as functions of any codes and factors.

Each is a function of codes `(images, code)` and factors `(images, factors)`, and an evaluation of runs that is called
the same. Each names its paper; docs/disentanglement.md says what they are blind to.
"""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = [
    "IRS",
    "MIG",
    "UDR",
    "BetaVAEScore",
    "FactorVAEScore",
    "FactorWarning",
    "InfoMEC",
    "Measured",
    "beta_vae_score",
    "factor_vae_score",
    "infomec",
    "irs",
    "measured",
    "mig",
    "udr",
]

if TYPE_CHECKING:
    from semreg_disentanglement.functional.beta_vae_score import BetaVAEScore, beta_vae_score
    from semreg_disentanglement.functional.common import FactorWarning, Measured, measured
    from semreg_disentanglement.functional.factor_vae_score import FactorVAEScore, factor_vae_score
    from semreg_disentanglement.functional.infomec import InfoMEC, infomec
    from semreg_disentanglement.functional.irs import IRS, irs
    from semreg_disentanglement.functional.mig import MIG, mig
    from semreg_disentanglement.functional.udr import UDR, udr
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        "functional.beta_vae_score",
        "functional.common",
        "functional.factor_vae_score",
        "functional.infomec",
        "functional.irs",
        "functional.mig",
        "functional.udr",
    )
