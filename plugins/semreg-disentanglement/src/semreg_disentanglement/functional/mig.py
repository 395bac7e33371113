"""The mutual information gap.

Source: Chen, Li, Grosse and Duvenaud, *Isolating Sources of Disentanglement in Variational Autoencoders* (2018).
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from annotated_types import Ge
from torch import Tensor

from semreg_disentanglement.functional.common import BINS, binned, entropies, gaps, inputs, mutual_information


class MIG(NamedTuple):
    """The result of `mig`."""

    mig: float
    """From 0 to 1, the mean over factors."""
    gaps: Tensor
    """The gap of each factor, float64 `(factors,)`; NaN for a constant one, here and in the matrix."""
    matrix: Tensor
    """I(z_j; v_k) / H(v_k), float64 `(dimensions, factors)`, from 0 to 1; NaN for a constant dimension."""
    coded_by: Tensor
    """The dimension with most information about each factor, int64 `(factors,)`, -1 for a constant factor."""


def mig(codes: Tensor, factors: Tensor, *, bins: Annotated[int, Ge(2)] = BINS) -> MIG:
    """Compute the mutual information gap: how much more about a factor one dimension reveals than any other.

    MIG = 1/K Σ_k (I(z_j(k); v_k) − max_{j ≠ j(k)} I(z_j; v_k)) / H(v_k), where j(k) is the dimension with most
    information about factor k (Chen et al., *Isolating Sources of Disentanglement in Variational Autoencoders* (2018),
    Eq. 6). Codes are read as points, by bins of equal width, as disentanglement_lib does; Chen et al. integrate over
    the posterior.

    Args:
        codes: real `(images, code)`.
        factors: classes `(images, factors)`, or one factor `(images,)`; real numbers are binned as codes are.
        bins: of a dimension.

    Raises:
        ValueError: for other shapes, numbers that are not finite, fewer images than dimensions, or none that vary.
    """
    given = inputs("mig(codes, factors)", codes, factors, bins=bins)
    information = mutual_information(binned(given.codes, bins), given.factors)
    matrix = information / entropies(given.factors)
    found = gaps(matrix)
    return MIG(float(found.mean()), given.of_factors(found), given.as_given(matrix), given.coded_by(matrix))
