"""Free bits: each dimension of a code may encode a little information about the image at no cost, so that none dies
early.

Source: Kingma et al., *Improved Variational Inference with Inverse Autoregressive Flow* (2016), appendix on free bits.
`recipes/disentanglement/free_bits.toml` trains with them.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from semreg.components.functional import in_float32
from semreg.components.losses import divergence_elements
from semreg.core import ClosedFormPrior, DiagonalGaussian, Role


@in_float32
def free_bits(
    posterior: Annotated[DiagonalGaussian, Role.POSTERIOR],
    prior: Annotated[ClosedFormPrior, Role.PRIOR],
    *labels: Tensor,
    free: Annotated[float, Ge(0)] = 0.25,
) -> Tensor:
    """Compute KL(posterior ‖ prior) in nats with `free` nats at no cost for each element of the code: Σ_j max(free,
    KL_j).

    KL_j is the mean over the batch. With `free` 0 it is the usual divergence.

    Args:
        posterior: of codes `(batch, code)`.
        prior: with a closed form of the divergence.
        labels: that the prior depends on.
        free: nats of each element that cost the same as none.

    Raises:
        ValueError: if the prior has no closed form for the posterior, or shapes do not fit.
    """
    elements = divergence_elements("free_bits(posterior, prior)", posterior, prior, *labels)
    return (elements.sum(0) / max(len(elements), 1)).clamp(min=free).sum()


free_bits.couples_rows = True  # type: ignore[attr-defined]
