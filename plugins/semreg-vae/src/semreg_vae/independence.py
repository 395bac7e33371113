"""The dependence of two codes, or of a code and a label: by kernels, or by recognising true pairs.

`recipes/autoencoders/hsic.toml` makes a code independent of a label with the first.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Gt
from torch import Tensor

from semreg.components.functional import in_float32
from semreg.core import Role, require_classes, require_equal_shapes, shape_error
from semreg_vae.discrepancy import squared_distances

Estimator = Literal["unbiased", "biased"]


@in_float32
def hsic(
    codes: Annotated[Tensor, Role.CODE],
    others: Annotated[Tensor, Role.LABEL],
    *,
    estimator: Estimator = "unbiased",
    deviation: Annotated[float, Gt(0)] | None = None,
) -> Tensor:
    """Compute the Hilbert-Schmidt independence criterion of codes and classes, or of two codes: 0 if they are
    independent.

    Source: Gretton et al., *Measuring Statistical Dependence with Hilbert-Schmidt Norms* (2005); Song et al., *Feature
    Selection via Dependence Maximization* (2012).

    With kernels K and L of the two, the `biased` estimator is tr(K H L H) / (n − 1)², H = I − 11ᵀ/n (Gretton et al.
    2005, Eq. 9; never below 0). The `unbiased` one is [tr(K̃ L̃) + 1ᵀK̃1·1ᵀL̃1 / ((n − 1)(n − 2)) − 2·1ᵀK̃L̃1 / (n −
    2)] / (n(n − 3)) (Song et al. 2012, section 2), K̃ being K with zeros on its diagonal. It is 0 on average if the two
    are independent, and then often negative; for fewer than four rows it is a connected 0.

    Codes have the kernel exp(−‖a − b‖² / 2σ²), classes 1 for equal and 0 for other ones.

    Args:
        codes: `(batch, code)`.
        others: classes int64 `(batch,)`, or other codes `(batch, ...)` of any size.
        estimator: of the criterion.
        deviation: σ; by default the median distance of two rows, separately for each of the two codes, so that the
            scale of a code doesn't affect the criterion.

    Raises:
        ValueError: for shapes that do not fit, labels that are not classes, or an unknown estimator.
    """
    call = "hsic(codes, others)"
    if codes.ndim != 2 or not 0 < others.ndim < 3 or len(others) != len(codes):
        raise shape_error(call, "batch code, batch ...", "a class or another code for each code", codes, others)
    if estimator not in ("unbiased", "biased"):
        raise ValueError(f"{call}: the estimator is 'unbiased' or 'biased', found {estimator!r}")
    if others.ndim == 1:
        require_classes(call, others, rows=len(codes))
        second = (others[:, None] == others).to(codes)
    else:
        second = _gaussian_kernel(others.to(codes), deviation)
    first = _gaussian_kernel(codes, deviation)
    return _unbiased(first, second) if estimator == "unbiased" else _biased(first, second)


hsic.couples_rows = True  # type: ignore[attr-defined]


@in_float32
def info_nce(a: Tensor, b: Tensor, *, temperature: Annotated[float, Gt(0)] = 0.1) -> Tensor:
    """Compute the cross-entropy in nats of recognising which row of `b` belongs to a row of `a` (Eq. 4).

    Source: van den Oord et al., *Representation Learning with Contrastive Predictive Coding* (2018).

    −mean_i log(exp(s_ii / τ) / Σ_j exp(s_ij / τ)), where s is the cosine of two rows and τ the `temperature`.
    log(batch) minus it is a lower bound of the mutual information of the two, so minimising it increases their
    dependence. It is log(batch) if `a` has no information about `b`.

    Args:
        a: codes `(batch, code)`.
        b: the codes that belong to them, in the same shape.
        temperature: τ.

    Raises:
        ValueError: for shapes that differ or are not those of vectors.
    """
    call = "info_nce(a, b)"
    require_equal_shapes(call, "batch code, batch code", a, b)
    if a.ndim != 2:
        raise shape_error(call, "batch code, batch code", "these codes are not vectors", a, b)
    likeness = F.normalize(a, dim=1) @ F.normalize(b, dim=1).mT / temperature
    return -likeness.log_softmax(1).diagonal().sum() / max(len(a), 1)


info_nce.couples_rows = True  # type: ignore[attr-defined]


def _gaussian_kernel(codes: Tensor, deviation: float | None) -> Tensor:
    distance = squared_distances(codes, codes)
    if deviation is not None:
        return torch.exp(-distance / (2 * deviation**2))
    scale = _median(distance)
    return torch.exp(-distance / (2 * torch.where(scale > 0, scale, 1)))


def _median(distance: Tensor) -> Tensor:
    """Return the lower median of a matrix's elements off its diagonal, which is 0 and the least; 0 without other
    elements."""
    rows = len(distance)
    if rows < 2:
        return distance.new_zeros(())
    return distance.flatten().sort().values[rows + (rows * (rows - 1) - 1) // 2]


def _biased(first: Tensor, second: Tensor) -> Tensor:
    rows = len(first)
    centred = first - first.mean(0) if rows else first
    centred = centred - centred.mean(1, keepdim=True) if rows else centred
    return (centred * second).sum() / max(rows - 1, 1) ** 2


def _unbiased(first: Tensor, second: Tensor) -> Tensor:
    rows = len(first)
    if rows < 4:
        return 0 * first.sum()
    first, second = (kernel - kernel.diagonal().diag() for kernel in (first, second))
    sums = first.sum(1), second.sum(1)
    products = (first * second).sum()
    whole = sums[0].sum() * sums[1].sum() / ((rows - 1) * (rows - 2))
    mixed = 2 * (sums[0] * sums[1]).sum() / (rows - 2)
    return (products + whole - mixed) / (rows * (rows - 3))
