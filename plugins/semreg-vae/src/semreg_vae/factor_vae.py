"""FactorVAE: a critic that separates codes from codes with independent dimensions, and its estimate of their
dependence.

Source: Kim and Mnih, *Disentangling by Factorising* (2018).

The critic is any classifier with one logit, trained by `adversarial_critic(score, permuted_score)`: its optimal logit
is log q(z) / Π_j q(z_j). `recipes/disentanglement/factor_vae.toml` combines the terms.
"""

from __future__ import annotations

import torch
from torch import Tensor

from semreg.components.functional import in_float32
from semreg.core import shape_error


def permuted_dimensions(codes: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Permute each dimension of codes `(batch, code)` separately over the batch (Algorithm 1).

    The dimensions keep their distributions, and become independent: draws from Π_j q(z_j). The paper permutes a second
    batch; here it may be the same. Raises ValueError for another shape.
    """
    if codes.ndim != 2:
        raise shape_error("permuted_dimensions(codes)", "batch code", "these codes have no one axis", codes)
    device = codes.device if generator is None else generator.device
    order = torch.rand(codes.shape, generator=generator, device=device).argsort(0)
    return codes.gather(0, order.to(codes.device))


permuted_dimensions.couples_rows = True  # type: ignore[attr-defined]


@in_float32
def log_density_ratio(scores: Tensor) -> Tensor:
    """Estimate the total correlation of codes in nats, from a critic of them and of permuted ones (Eq. 3).

    E[log D(z) / (1 − D(z))], which is the mean of the critic's logits `(batch, ...)`. It is below 0 if the critic is
    wrong.
    """
    return scores.sum() / max(scores.numel(), 1)
