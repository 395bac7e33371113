"""Adversarially constrained autoencoder interpolation (ACAI), its terms as separate functions.

Source: Berthelot et al., *Understanding and Improving Interpolation in Autoencoders via an Adversarial Regularizer*
(2019).

A critic guesses from an image how much of a second image's code was mixed into it; the autoencoder learns mixed images
that the critic considers unmixed. `recipes/mnist/acai.toml` combines the terms.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from semreg.components.functional import in_float32
from semreg.components.losses import l2
from semreg.core import Role, shape_error

Share = Annotated[float, Interval(ge=0, le=1)]


def interpolation_weight(
    like: Annotated[Tensor, Role.SHAPE], *, most: Share = 0.5, generator: torch.Generator | None = None
) -> Tensor:
    """Draw how much of a second code to mix into each of a batch, uniform in [0, most), float32 `(batch, 1)`.

    Berthelot et al. draw up to 0.5, since more is the same as less in the opposite direction. `like` is `(batch, ...)`.
    """
    device = like.device if generator is None else generator.device
    return most * torch.rand(len(like), 1, generator=generator, device=device).to(like.device)


interpolation_weight.cuts_gradient = True  # type: ignore[attr-defined]


@in_float32
def acai_critic(guess: Tensor, weight: Tensor, unmixed: Tensor) -> Tensor:
    """Compute the critic's loss: the squared error of its guess, and its guess at unmixed images (their Eq. 1).

    Args:
        guess: of mixed images, `(batch, 1)`.
        weight: how much was mixed into each, `(batch, 1)`.
        unmixed: the guess at images without a mixture: averages of an image and its reconstruction pixel by pixel,
            `(batch, 1)`.

    Raises:
        ValueError: if guess and weight differ in shape.
    """
    if guess.shape != weight.shape:
        raise shape_error("acai_critic(guess, weight, unmixed)", "batch 1, batch 1, batch 1", "one guess an image",
                          guess, weight, unmixed)  # fmt: skip
    return l2(guess, weight) + acai_regularizer(unmixed)


@in_float32
def acai_regularizer(guess: Tensor) -> Tensor:
    """Compute the autoencoder's loss besides its reconstruction: mixed images should look unmixed (in their Eq. 2).

    `guess` is the critic's, `(batch, 1)`; the loss is its mean square.
    """
    return l2(guess, guess.new_zeros(guess.shape))
