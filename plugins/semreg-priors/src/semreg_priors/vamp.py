"""VampPrior: the mixture of the encoder's posteriors of learned pseudo-inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor, nn

from semreg.components.functional import normal_noise
from semreg.core import DiagonalGaussian, require_posterior, shape_error
from semreg_priors.base import SizedPrior
from semreg_priors.functional import chosen, mixture_log_density


class VampPrior(SizedPrior):
    """p(z) = 1/K Σ_k q(z | u_k), a mixture of the encoder's posteriors of K learned pseudo-inputs u_k.

    Source: Tomczak and Welling, *VAE with a VampPrior* (2018), section 3.

    The prior returns the pseudo-inputs when it is called on images. A recipe encodes them as it does images, and passes
    the posterior to the loss, so that the loss trains the encoder through it, too:

        [tensors]
        pseudo = "diagonal_gaussian(encoder(prior(image)))"

        [losses.kl]
        use = "kl_estimate(z, posterior, prior, pseudo)"

    In training the prior keeps the last given pseudo-posterior. Draws and densities without one use it; its weights are
    those before the last step. Labels are ignored.

    Args:
        size: the length of the code.
        pseudo_inputs: K.
        value_range: of the images; pseudo-inputs stay inside.
        input_shapes: of the images that the prior is called on; filled in by the engine.
    """

    title = "vamp"
    means: Tensor
    log_variances: Tensor

    def __init__(
        self,
        *,
        size: Annotated[int, Ge(1)],
        pseudo_inputs: Annotated[int, Ge(1)] = 50,
        value_range: tuple[float, float] = (0.0, 1.0),
        input_shapes: Sequence[tuple[int, ...]],
    ) -> None:
        super().__init__(size)
        self.pseudo_inputs, self.value_range = pseudo_inputs, value_range
        self.pixels = nn.Parameter(torch.randn(pseudo_inputs, *input_shapes[0]))
        self.register_buffer("means", torch.randn(pseudo_inputs, size))
        self.register_buffer("log_variances", torch.zeros(pseudo_inputs, size))

    def forward(self, images: Tensor) -> Tensor:
        """Return the pseudo-inputs `(pseudo_inputs, ...)`, for any images `(batch, ...)`, in the range of images."""
        low, high = self.value_range
        return low + (high - low) * torch.sigmoid(self.pixels)

    def log_probability(self, codes: Tensor, *labels: Any) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`, by the posterior of the pseudo-inputs,
        if given.

        Raises ValueError if a code or the posterior has another size, or the posterior another number of rows.
        """
        self.require_size("log_probability(codes)", codes)
        means, log_variances = self._posterior("log_probability(codes, pseudo)", labels)
        if self.training:
            with torch.no_grad():
                self.means.copy_(means)
                self.log_variances.copy_(log_variances)
        shares = self.zero.new_full((self.pseudo_inputs,), -math.log(self.pseudo_inputs))
        return mixture_log_density(codes, shares, means, log_variances)

    def sample(self, count: int, *labels: Any, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, size)`, through which gradients flow to the pseudo-posterior, if it is given.

        Raises ValueError as `log_probability` does.
        """
        means, log_variances = self._posterior("sample(count, pseudo)", labels)
        own = chosen(self.zero.new_zeros(count, self.pseudo_inputs), generator=generator)
        noise = normal_noise((count, self.size), like=self.zero, generator=generator)
        return means[own] + torch.exp(0.5 * log_variances[own]) * noise

    def extra_repr(self) -> str:
        return f"size={self.size}, pseudo_inputs={self.pseudo_inputs}"

    def _posterior(self, call: str, labels: tuple[Any, ...]) -> DiagonalGaussian:
        """Return the pseudo-posterior among the inputs besides the codes, else the last one."""
        given = next((one for one in labels if not isinstance(one, Tensor)), None)
        if given is None:
            # copies, which the next step's in-place changes don't affect
            return DiagonalGaussian(self.means.clone(), self.log_variances.clone())
        require_posterior(given, f"vamp.{call}")
        if given.mean.shape != self.means.shape:
            cause = "a row for each pseudo-input, of the prior's size"
            pattern = f"{self.pseudo_inputs} {self.size}"
            raise shape_error(f"vamp.{call}", pattern, cause, given.mean)
        return DiagonalGaussian(given.mean, given.log_variance)
