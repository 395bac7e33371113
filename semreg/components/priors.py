"""Priors: the intended distribution of codes. `interfaces.Prior` is the interface of any prior."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from semreg.components.functional import gaussian_log_density, normal_noise, standard_normal_kl
from semreg.core import DiagonalGaussian, require_posterior, shape_error


class StandardNormal(nn.Module):
    """The standard normal distribution N(0, I) of codes with `size` elements; it has nothing to train.

    It accepts labels and ignores them, so that a recipe may exchange it for a prior that depends on labels.
    """

    ignores_labels = True
    zero: Tensor

    def __init__(self, *, size: Annotated[int, Ge(1)]) -> None:
        super().__init__()
        self.size = size
        # follows .to(device), so that draws land where the other modules are; not part of a checkpoint
        self.register_buffer("zero", torch.zeros(()), persistent=False)

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`. Raises ValueError if a code has another
        size."""
        self._require_size("log_probability(codes)", codes)
        return gaussian_log_density(codes, self.zero, self.zero).sum(-1)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, size)`."""
        return normal_noise((count, self.size), like=self.zero, generator=generator)

    def kl_divergence(self, posterior: DiagonalGaussian, *labels: Tensor) -> Tensor:
        """Return KL(posterior ‖ N(0, I)) of each element in nats, `(batch, code)`. Raises ValueError if the size
        differs."""
        require_posterior(posterior, "kl_divergence(posterior)")
        self._require_size("kl_divergence(posterior)", posterior.mean)
        return standard_normal_kl(posterior.mean, posterior.log_variance)

    def to_noise(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the codes themselves, which are N(0, I) already, and the log |det| of the identity, 0, `(batch,)`."""
        return codes, codes.new_zeros(len(codes))

    def from_noise(self, noise: Tensor) -> Tensor:
        """Return the codes of noise, the inverse of `to_noise`."""
        return noise

    def extra_repr(self) -> str:
        return f"size={self.size}"

    def _require_size(self, call: str, codes: Tensor) -> None:
        if codes.ndim != 2 or codes.shape[1] != self.size:
            raise shape_error(f"standard_normal.{call}", f"batch {self.size}", f"its size is {self.size}", codes)
