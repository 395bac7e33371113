"""The metrics as pure functions of codes and factors, one file each, which is called otherwise than its function."""

from typing import TYPE_CHECKING

from semreg.core import lazy_names

__all__ = ["MIG", "FactorWarning", "Inputs", "Measured", "inputs", "measured", "mig"]

if TYPE_CHECKING:
    from semreg_disentanglement.functional.common import FactorWarning, Inputs, Measured, inputs, measured
    from semreg_disentanglement.functional.mutual_information_gap import MIG, mig
else:
    __getattr__, __dir__ = lazy_names(__name__, "common", "mutual_information_gap")
