"""What a trained run is good for, by functions of tensors: the commands of the same names are thin faces of these."""

from semreg.trained.embedding import embed
from semreg.trained.interpolating import interpolate
from semreg.trained.sampling import sample

__all__ = ["embed", "interpolate", "sample"]
