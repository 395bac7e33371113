"""The maximum mean discrepancy of codes and draws of their prior, which WAE-MMD and InfoVAE minimise.

Source: Tolstikhin et al., *Wasserstein Auto-Encoders* (2018), Algorithm 2; Zhao et al., *InfoVAE* (2019), who weight
the divergence by 1 − α and this by α + λ − 1. `recipes/disentanglement/wae_mmd.toml` and `info_vae.toml` train both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

import torch
from annotated_types import Gt, MinLen
from torch import Tensor

from semreg.components.functional import in_float32
from semreg.core import Role, require_equal_shapes, shape_error

Kernel = Literal["inverse_multiquadratic", "gaussian"]


@in_float32
def mmd(
    codes: Annotated[Tensor, Role.CODE],
    draws: Tensor,
    *,
    kernel: Kernel = "inverse_multiquadratic",
    scales: Annotated[Sequence[Annotated[float, Gt(0)]], MinLen(1)] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
) -> Tensor:
    """Compute the squared maximum mean discrepancy of two samples, unbiased: on average 0 for samples of one
    distribution.

    Σ_{i≠j} [k(a_i, a_j) + k(b_i, b_j) − k(a_i, b_j) − k(b_i, a_j)] / n(n − 1), Gretton et al., *A Kernel Two-Sample
    Test* (2012), Eq. 4, which is exactly 0 for equal samples and may be negative. Tolstikhin et al. also count the
    pairs (a_i, b_i), with the same mean. k is C / (C + ‖a − b‖²) or exp(−‖a − b‖² / C), averaged over several C: each
    of `scales` times 2·code, the mean squared distance of two draws from N(0, I). The authors of WAE add the kernels of
    these scales.

    Args:
        codes: `(batch, code)`.
        draws: of the prior, in the same shape.
        kernel: k.
        scales: of C.

    Raises:
        ValueError: for shapes that differ or are not those of vectors, or an unknown kernel.
    """
    call = "mmd(codes, draws)"
    require_equal_shapes(call, "batch code, batch code", codes, draws)
    if codes.ndim != 2:
        raise shape_error(call, "batch code, batch code", "these codes are not vectors", codes, draws)
    if kernel not in ("inverse_multiquadratic", "gaussian"):
        raise ValueError(f"{call}: the kernel is 'inverse_multiquadratic' or 'gaussian', found {kernel!r}")
    unit = 2 * max(codes.shape[1], 1)
    alike = partial(_alike, kernel=kernel, constants=[scale * unit for scale in scales])
    likeness = alike(codes, codes) + alike(draws, draws) - 2 * alike(codes, draws)
    pairs = likeness - likeness.diagonal().diag()
    return pairs.sum() / max(len(codes) * (len(codes) - 1), 1)


mmd.couples_rows = True  # type: ignore[attr-defined]


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return ‖a_i − b_j‖² of codes `(rows, code)` and `(others, code)`, `(rows, others)`.

    It is computed from differences, not from products: exact for near codes.
    """
    return (a[:, None] - b).square().sum(2)


def _alike(a: Tensor, b: Tensor, *, kernel: Kernel, constants: Sequence[float]) -> Tensor:
    """Return the mean of kernels of several constants, `(batch, batch)`."""
    distance = squared_distances(a, b)
    if kernel == "gaussian":
        found = [torch.exp(-distance / constant) for constant in constants]
    else:
        found = [constant / (constant + distance) for constant in constants]
    return torch.stack(found).mean(0)
