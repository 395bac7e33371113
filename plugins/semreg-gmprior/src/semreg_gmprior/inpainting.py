"""Inpaints a part of your own images (section 4.5), as `semreg inpaint` does."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from semreg.core import closest
from semreg.trained import Run, class_field, class_number, expected_images, need
from semreg_gmprior.filling import Filling


class Inpainted(NamedTuple):
    """Images `(batch, channels, height, width)` in the recipe's range."""

    masked: Tensor
    """The model's input, grey in the removed part."""
    filled: Tensor


def inpaint(run: Run, images: Any, mask: Tensor, *, label: str | int | None = None) -> Inpainted:
    """Fill in a part of images from the rest with the model's output, by the recipe's `[model]`.

    Args:
        run: a trained run that reconstructs images, as recipes/gm_mnist.toml makes it.
        images: `(batch, channels, height, width)` in the recipe's range, or in memory as `Run.encode` takes them.
        mask: bool `(height, width)`, true where the images are removed, as `mask_of` returns it.
        label: the images' class, by its name or number, for models whose decoder needs it, as a conditional VAE's does.

    Raises UserError for roles that `[model]` lacks, and ValueError if the mask has another size, the class doesn't
    exist, or it is given without need or missing.
    """
    roles = need(run, "input", "output")
    image, reconstruction = run.tensor(roles.input), run.tensor(roles.output)
    images = expected_images(run, images, "inpaint")
    if mask.shape != images.shape[-2:]:
        size, fit = " × ".join(map(str, mask.shape)), " × ".join(map(str, images.shape[-2:]))
        raise ValueError(f"the mask has {size} pixels, and the images have {fit}")
    needed = sorted(reconstruction.needs(roles.input))
    given = {}
    if needed:
        told = run.tensor(needed[0])
        field = class_field(told)
        if label is None:
            raise ValueError(f"this model needs the images' class{closest('', field.names)}")
        given[told.name] = torch.full((len(images),), class_number(field, label))
    elif label is not None:
        raise ValueError("this model takes no class")
    return Inpainted(*Filling()(image, reconstruction, images, mask, **given))
