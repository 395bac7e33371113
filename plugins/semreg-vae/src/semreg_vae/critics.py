"""Penalties that keep a critic flat at its samples, so that an adversarial game converges.

Source: Mescheder et al., *Which Training Methods for GANs do actually Converge?* (2018), section 4.1.
`recipes/autoencoders/aae_r1.toml` trains an adversarial autoencoder with them.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from semreg.components.functional import in_float32, score_slopes


@in_float32
def r1_penalty(critic: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """Compute E[‖∇D(x)‖²] / 2 at real samples (Eq. 9, without γ): 0 for a critic that is flat there.

    Its gradient only reaches the critic. D is the sum of the critic's scores of a sample.

    Args:
        critic: from samples `(batch, ...)` to scores `(batch, ...)`; no score may depend on another sample of the
            batch, so no batch normalisation.
        real: `(batch, ...)`, images or codes.
    """
    return score_slopes(critic, real).square().sum() / max(len(real), 1) / 2


@in_float32
def r2_penalty(critic: Callable[[Tensor], Tensor], fake: Tensor) -> Tensor:
    """Compute E[‖∇D(x)‖²] / 2 at generated samples (Eq. 10, without γ), otherwise as `r1_penalty`.

    `critic` and `fake` `(batch, ...)` are as there; no gradient flows to the generator of the samples.
    """
    penalty: Tensor = r1_penalty(critic, fake)
    return penalty
