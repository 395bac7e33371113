"""Metrics of disentanglement for semreg, and as functions of any codes and factors.

Each is a function of codes `(images, code)` and factors `(images, factors)`, and an evaluation of runs that is called
the same. Each names its paper; docs/disentanglement.md says what they are blind to.
"""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = ["MIG", "FactorWarning", "Measured", "measured", "mig"]

if TYPE_CHECKING:
    from semreg_disentanglement.functional.common import FactorWarning, Measured, measured
    from semreg_disentanglement.functional.mig import MIG, mig
else:
    __getattr__, __dir__ = lazy_names(__name__, "functional.common", "functional.mig")
