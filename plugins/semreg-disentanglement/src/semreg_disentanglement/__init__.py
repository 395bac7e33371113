"""Metrics of disentanglement for semreg, and as functions of any codes and factors.

Each is a function of codes `(images, code)` and factors `(images, factors)`, and an evaluation of runs with the same
name. Each names its paper; docs/disentanglement.md explains their blind spots.
"""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = [
    "DCI",
    "DCIES",
    "IRS",
    "MIG",
    "SAP",
    "UDR",
    "BetaVAEScore",
    "FactorVAEScore",
    "FactorWarning",
    "InfoMEC",
    "Measured",
    "ModularityExplicitness",
    "beta_vae_score",
    "dci",
    "dci_es",
    "factor_vae_score",
    "infomec",
    "irs",
    "measured",
    "mig",
    "modularity_explicitness",
    "sap",
    "udr",
]

if TYPE_CHECKING:
    from semreg_disentanglement.functional.beta_vae_score import BetaVAEScore, beta_vae_score
    from semreg_disentanglement.functional.common import FactorWarning, Measured, measured
    from semreg_disentanglement.functional.dci import DCI, dci
    from semreg_disentanglement.functional.dci_es import DCIES, dci_es
    from semreg_disentanglement.functional.factor_vae_score import FactorVAEScore, factor_vae_score
    from semreg_disentanglement.functional.infomec import InfoMEC, infomec
    from semreg_disentanglement.functional.irs import IRS, irs
    from semreg_disentanglement.functional.mig import MIG, mig
    from semreg_disentanglement.functional.modularity import ModularityExplicitness, modularity_explicitness
    from semreg_disentanglement.functional.sap import SAP, sap
    from semreg_disentanglement.functional.udr import UDR, udr
else:
    _MODULES = (
        "beta_vae_score", "common", "dci", "dci_es", "factor_vae_score", "infomec", "irs", "mig", "modularity", "sap",
        "udr",
    )  # fmt: skip
    __getattr__, __dir__ = lazy_names(__name__, *(f"functional.{module}" for module in _MODULES))
