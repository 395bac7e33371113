"""How a model fills in a part of images from the rest (section 4.5), and two methods beyond the paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from semreg.core import Handle
from semreg.trained import synthesised

FILL = 0.5
"""The model's input in the removed part, as a share of the range: grey."""
NOISE, RATE = 0.05, 0.05
"""A pixel's deviation as a share of the range, and Adam's rate; both chosen on validation images of MNIST."""


@dataclass(frozen=True)
class Filling:
    """A method to fill in a part M, by default M⊙x′ + (1 − M)⊙x of one reconstruction x′.

    Args:
        passes: how often the image is reconstructed, each time from the previous filled image.
        steps: of Adam in the last pass, which move each code that is read from the image until the reconstruction is
            the image outside the part and the code is probable under its prior: they minimise Σ (x′ − x)²/(2·noise²) −
            log p(z), the sum over pixels outside.
        noise: the assumed standard deviation of a pixel about its reconstruction, as a share of the range.
    """

    passes: int = 1
    steps: int = 0
    noise: float = NOISE

    def __call__(
        self,
        image: Handle,
        reconstruction: Handle,
        originals: Tensor,
        mask: Tensor,
        fill: Tensor | float = FILL,
        **given: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return the model's first input, and the images with the part filled in.

        Args:
            image: the tensor that reads the images.
            reconstruction: images of their shape, computed from `image`, and with steps from the codes of `[model]`.
            originals: `(batch, channels, height, width)` in the recipe's range.
            mask: bool `(height, width)`, true where the images are removed.
            fill: the model's first input there: an image in the recipe's range, or a share of it from 0, its lower end,
                to 1, its upper.
            given: other inputs of the reconstruction, by name.

        Raises ValueError if the reconstruction has another shape, or needs more, and, with steps, if `[model]` lacks a
        code that is read from the image.
        """
        low, high = image.run.value_range
        put = fill if isinstance(fill, Tensor) else torch.tensor(low + fill * (high - low))
        seen = corrupted = torch.where(mask, put, originals)
        for left in range(self.passes, 0, -1):
            codes = self._codes(image, originals, seen, mask, reconstruction, given) if left == 1 and self.steps else {}
            values = {**codes, **given} if codes else {image.name: seen, **given}
            copies = synthesised(reconstruction, values)
            if copies.shape != originals.shape:
                found, fit = tuple(copies.shape[1:]), tuple(originals.shape[1:])
                raise ValueError(f"{reconstruction.name!r} must be images of shape {fit}, found {found}")
            seen = torch.where(mask, copies, originals)
        return corrupted, seen

    def _codes(
        self, image: Handle, originals: Tensor, seen: Tensor, mask: Tensor, reconstruction: Handle, given: Any
    ) -> dict[str, Tensor]:
        """Return the codes of the model's input, moved so that they explain the image outside the part."""
        run = image.run
        handles = {name: run.tensor(name) for name in run.roles.code}
        read = {name: handle for name, handle in handles.items() if image.name in handle.needs()}
        if not read:
            raise ValueError("steps need a code in [model] that depends on the image; there is none")
        known = {image.name: seen, **given}
        codes = {
            name: handle.given(**{key: known[key] for key in sorted(handle.needs()) if key in known}).to(run.device)
            for name, handle in read.items()
        }
        priors: dict[str, Any] = {name: run.module(run.roles.prior[name]) for name in codes if name in run.roles.prior}
        low, high = run.value_range
        outside = ~mask.to(run.device)
        target = originals.to(run.device)[..., outside]
        for code in codes.values():
            code.requires_grad_()
        optimizer = torch.optim.Adam(codes.values(), lr=RATE)
        for _ in range(self.steps):
            made = reconstruction.differentiable(**codes, **given)[..., outside]
            objective = ((made - target) / (self.noise * (high - low))).square().sum() / 2
            for name, prior in priors.items():
                objective = objective - prior.log_probability(codes[name]).sum()
            gradients = torch.autograd.grad(objective, list(codes.values()))
            for code, gradient in zip(codes.values(), gradients, strict=True):
                code.grad = gradient
            optimizer.step()
        return {name: code.detach().cpu() for name, code in codes.items()}
