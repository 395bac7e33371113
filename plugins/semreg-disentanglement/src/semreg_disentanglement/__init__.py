"""Metrics of disentanglement for semreg, and as functions of any codes and factors.

Each is a function of codes `(images, code)` and factors `(images, factors)`, and an evaluation of runs that is called
the same. Each names its paper; docs/disentanglement.md says what they are blind to.
"""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = [
    "DCI",
    "DCIES",
    "MIG",
    "SAP",
    "FactorWarning",
    "Measured",
    "ModularityExplicitness",
    "dci",
    "dci_es",
    "measured",
    "mig",
    "modularity_explicitness",
    "sap",
]

if TYPE_CHECKING:
    from semreg_disentanglement.functional.common import FactorWarning, Measured, measured
    from semreg_disentanglement.functional.dci import DCI, dci
    from semreg_disentanglement.functional.dci_es import DCIES, dci_es
    from semreg_disentanglement.functional.mig import MIG, mig
    from semreg_disentanglement.functional.modularity import ModularityExplicitness, modularity_explicitness
    from semreg_disentanglement.functional.sap import SAP, sap
else:
    _MODULES = ("common", "dci", "dci_es", "mig", "modularity", "sap")
    __getattr__, __dir__ = lazy_names(__name__, *(f"functional.{module}" for module in _MODULES))
