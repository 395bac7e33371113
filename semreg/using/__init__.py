"""What a trained run is good for, by functions of tensors: the commands of the same names are thin faces of these."""

from semreg.using.embedding import embed
from semreg.using.interpolating import interpolate
from semreg.using.sampling import sample

__all__ = ["embed", "interpolate", "sample"]
