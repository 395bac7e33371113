"""The sliced Wasserstein distance of codes and draws of their prior, which needs neither a critic nor a kernel.

Source: Kolouri et al., *Sliced-Wasserstein Autoencoder* (2018). `recipes/autoencoders/swae.toml` trains with it.
"""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from semreg.components.functional import in_float32, normal_noise
from semreg.core import Role, require_equal_shapes, shape_error


@in_float32
def sliced_wasserstein(
    codes: Annotated[Tensor, Role.CODE],
    draws: Tensor,
    *,
    directions: Annotated[int, Ge(1)] = 50,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Compute the squared 2-Wasserstein distance of two samples along a line, averaged over random lines (Algorithm 1).

    The best transport on a line pairs numbers in their order: Σ_i (θ·a_(i) − θ·b_(i))² / n, where θ is uniform on the
    sphere and (i) the order of each sample. It is 0 for equal samples, with any lines. For codes that differ only in
    their means, by m, it is ‖m‖² / code on average over θ.

    Args:
        codes: `(batch, code)`.
        draws: of the prior, in the same shape.
        directions: how many lines are drawn.
        generator: source of the lines.

    Raises:
        ValueError: for shapes that differ or are not those of vectors.
    """
    call = "sliced_wasserstein(codes, draws)"
    require_equal_shapes(call, "batch code, batch code", codes, draws)
    if codes.ndim != 2:
        raise shape_error(call, "batch code, batch code", "these codes are not vectors", codes, draws)
    lines = F.normalize(normal_noise((codes.shape[1], directions), like=codes, generator=generator), dim=0)
    found, wanted = ((sample @ lines).sort(dim=0).values for sample in (codes, draws))
    return (found - wanted).square().sum() / max(found.numel(), 1)


sliced_wasserstein.couples_rows = True  # type: ignore[attr-defined]
