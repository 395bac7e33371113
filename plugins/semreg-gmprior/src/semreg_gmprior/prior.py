"""The Gaussian-mixture prior: one learned normal distribution of codes for each class."""

from __future__ import annotations

import math
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from semreg.components.functional import normal_noise, standard_normal_kl
from semreg.core import DiagonalGaussian, require_classes, require_posterior, shape_error
from semreg_gmprior.functional import mixture_log_densities, mixture_log_likelihood


class GaussianMixture(nn.Module):
    """Σ_c N(z; μ_c, Σ_c) / classes, with means and diagonal variances to be learned (Eq. 6).

    Methods take the class as a label; without one they mean the mixture over all classes. The means start at a draw
    from N(0, I), the variances at 1. The parameters are `means` and `log_variances`, `(classes, size)` each.

    Args:
        classes: how many there are, as `"@digit.classes"`.
        size: the length of the code.
        variance_floor: replaces smaller variances, and gradients that would lower these further are 0 (decision). The
            run warns once.
    """

    def __init__(
        self,
        *,
        classes: Annotated[int, Ge(1)],
        size: Annotated[int, Ge(1)],
        variance_floor: Annotated[float, Gt(0)] = 1e-4,
    ) -> None:
        super().__init__()
        self.classes, self.size, self.variance_floor = classes, size, variance_floor
        self.means = nn.Parameter(torch.randn(classes, size))
        self.log_variances = nn.Parameter(torch.zeros(classes, size))
        self._said = False

    def floored_log_variances(self) -> Tensor:
        """Return the log-variances, none below the floor, `(classes, size)`."""
        floored: Tensor = _Floor.apply(self.log_variances, math.log(self.variance_floor))
        return floored

    def remarks(self) -> list[str]:
        """Return a warning about classes with variances below the floor, if any, once for each."""
        if self._said:
            return []
        rows = (self.log_variances.detach() < math.log(self.variance_floor)).any(1).nonzero().flatten().tolist()
        if not rows:
            return []
        self._said = True
        return [
            f"gaussian_mixture: variances of class {', '.join(map(str, rows))} fell below variance_floor = "
            f"{self.variance_floor:g} and count as the floor: its codes are nearly one point, "
            "as those of a class with hardly any images, or after long training"
        ]

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`, given the class or, without labels, of
        the mixture.

        Raises ValueError for codes of another size, several labels, or a label outside the mixture.
        """
        self._require_size("log_probability(codes)", codes)
        label = self._label("log_probability", labels, len(codes))
        variances = self.floored_log_variances()
        if label is not None:
            return mixture_log_likelihood(codes, label, self.means, variances)
        return mixture_log_densities(codes, self.means, variances).logsumexp(1) - math.log(self.classes)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, size)` of the given classes, through which gradients flow; without labels of random
        classes.

        Raises ValueError for several labels, not `count` of them, or a label outside the mixture.
        """
        label = self._label("sample", labels, count)
        if label is None:
            device = self.means.device if generator is None else generator.device
            label = torch.randint(self.classes, (count,), generator=generator, device=device).to(self.means.device)
        noise = normal_noise((count, self.size), like=self.means, generator=generator)
        own = label.long()
        return self.means[own] + torch.exp(0.5 * self.floored_log_variances()[own]) * noise

    def kl_divergence(self, posterior: DiagonalGaussian, *labels: Tensor) -> Tensor:
        """Return KL(posterior ‖ N(μ_y, Σ_y)) of each element given the class in nats, `(batch, code)`.

        Raises ValueError without a label, since the divergence from a mixture has no closed form, and as `sample` does.
        """
        require_posterior(posterior, "kl_divergence(posterior)")
        self._require_size("kl_divergence(posterior)", posterior.mean)
        label = self._label("kl_divergence", labels, len(posterior.mean))
        if label is None:
            raise ValueError(
                "gaussian_mixture: the KL divergence from a whole mixture has no closed form; "
                "give the label: kl_divergence(posterior, prior, label)"
            )
        own = label.long()
        log_variance = self.floored_log_variances()[own]
        scaled = (posterior.mean - self.means[own]) * torch.exp(-0.5 * log_variance)
        return standard_normal_kl(scaled, posterior.log_variance - log_variance)

    def extra_repr(self) -> str:
        return f"classes={self.classes}, size={self.size}, variance_floor={self.variance_floor:g}"

    def _label(self, method: str, labels: tuple[Tensor, ...], rows: int) -> Tensor | None:
        if len(labels) > 1:
            raise ValueError(f"gaussian_mixture.{method} takes one label, the class; found {len(labels)}")
        for label in labels:
            require_classes(f"gaussian_mixture.{method}", label, rows=rows, classes=self.classes)
            return label
        return None

    def _require_size(self, call: str, codes: Tensor) -> None:
        if codes.ndim != 2 or codes.shape[1] != self.size:
            raise shape_error(f"gaussian_mixture.{call}", f"batch {self.size}", f"its size is {self.size}", codes)


def require_mixture(prior: object, call: str) -> None:
    """Raise ValueError, which names the call, for another prior than a gaussian_mixture."""
    if not isinstance(prior, GaussianMixture):
        raise ValueError(f"{call} needs a gaussian_mixture as its prior, found a {type(prior).__name__}")


class _Floor(torch.autograd.Function):
    """max(x, floor), with a derivative below the floor for gradients that raise x: a plain maximum would
    keep it there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, floor: float) -> Tensor:
        ctx.save_for_backward(x < floor)
        return x.clamp(min=floor)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        [below] = ctx.saved_tensors
        [gradient] = gradients
        return torch.where(below & (gradient > 0), torch.zeros_like(gradient), gradient), None
