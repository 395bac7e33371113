"""Penalties that keep a critic flat where its samples are, so that an adversarial game comes to rest.

Source: Mescheder et al., *Which Training Methods for GANs do actually Converge?* (2018), section 4.1.
`recipes/autoencoders/aae_r1.toml` trains an adversarial autoencoder by them.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from semreg.components.functional import in_float32, score_slopes


@in_float32
def r1_penalty(critic: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """E[‖∇D(x)‖²] / 2 at real samples (Eq. 9, without γ): 0 of a critic that is flat there.

    Its gradient reaches the critic alone. D is the sum of the critic's scores of a sample.

    Args:
        critic: from samples `(batch, ...)` to scores `(batch, ...)`; no score may depend on another sample of the
            batch, so no batch normalisation.
        real: `(batch, ...)`, images or codes.
    """
    return score_slopes(critic, real).square().sum() / max(len(real), 1) / 2


@in_float32
def r2_penalty(critic: Callable[[Tensor], Tensor], fake: Tensor) -> Tensor:
    """E[‖∇D(x)‖²] / 2 at generated samples (Eq. 10, without γ), else as `r1_penalty`.

    `critic` and `fake` `(batch, ...)` are as there; no gradient flows to what made the samples.
    """
    penalty: Tensor = r1_penalty(critic, fake)
    return penalty
