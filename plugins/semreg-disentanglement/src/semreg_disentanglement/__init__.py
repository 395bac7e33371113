"""Metrics of disentanglement for semreg, and as functions of any codes and factors.

Each is a function of codes `(images, code)` and factors `(images, factors)`, in `semreg_disentanglement.functional`,
and an evaluation of a run of the same name. Each names its paper.
"""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = ["MIG", "FactorWarning", "Measured", "measured", "mig"]

if TYPE_CHECKING:
    from semreg_disentanglement.functional import MIG, FactorWarning, Measured, measured, mig
else:
    __getattr__, __dir__ = lazy_names(__name__, "functional")
