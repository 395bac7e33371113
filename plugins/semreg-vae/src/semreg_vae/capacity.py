"""A capacity of the code that rises in training, so that the code learns one factor after another.

Source: Burgess et al., *Understanding Disentangling in β-VAE* (2018), Eq. 8. β-VAE itself (Higgins et al., *β-VAE:
Learning Basic Visual Concepts with a Constrained Variational Framework*, 2017) only needs a weight of `kl_divergence`.
`recipes/disentanglement/capacity.toml` and `beta_vae.toml` train them.
"""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Gt, Le
from torch import Tensor

from semreg.components.functional import in_float32
from semreg.components.losses import kl_divergence
from semreg.core import ClosedFormPrior, Role


@in_float32
def kl_capacity(
    posterior: Annotated[Any, Role.POSTERIOR],
    prior: Annotated[ClosedFormPrior, Role.PRIOR],
    *labels: Tensor,
    capacity: Annotated[float, Ge(0)] = 25.0,
    rising: Annotated[float, Gt(0), Le(1)] = 0.5,
    progress: Tensor | float = 1.0,
) -> Tensor:
    """Compute |KL(posterior ‖ prior) − C| in nats, where C rises evenly from 0 to `capacity` (Burgess et al., Eq. 8).

    With the weight γ, 1000 in the paper, it keeps the divergence at C: the code encodes C nats about each image, and
    uses them where they improve reconstructions most.

    Args:
        posterior: of codes `(batch, code)`; its divergence is summed over the code and averaged over the batch.
        prior: with a closed form of that divergence.
        labels: that the prior depends on.
        capacity: C at the end, in nats.
        rising: the share of the phase over which C rises.
        progress: the share of the phase that has passed, from 0 to 1; a run fills it in.

    Raises:
        ValueError: if the prior has no closed form for the posterior, or shapes do not fit.
    """
    gone = progress / rising
    risen = gone.clamp(max=1) if isinstance(gone, Tensor) else min(gone, 1.0)
    return (kl_divergence(posterior, prior, *labels, reduction="sum") - capacity * risen).abs()


kl_capacity.couples_rows = True  # type: ignore[attr-defined]
