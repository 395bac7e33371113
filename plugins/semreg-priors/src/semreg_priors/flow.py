"""A normalizing flow as a prior, by the package zuko: a flexible density, learned with the codes."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn.functional import one_hot

from semreg.components.functional import gaussian_log_density, normal_noise, without_autocast
from semreg_priors.base import SizedPrior

Transformation = Literal["spline", "affine"]


class FlowPrior(SizedPrior):
    """log p(z) = log N(f(z); 0, I) + log |det ∂f/∂z|, with a learned invertible network f.

    Source: Durkan et al., *Neural Spline Flows* (2019). Affine transforms are those of Papamakarios et al., *Masked
    Autoregressive Flow for Density Estimation* (2017). Both are zuko's.

    Splines act in [−5, 5]; outside of it a code doesn't change.

    Args:
        size: the length of the code.
        transformation: "spline" of rational quadratics, or "affine", which is faster and less flexible.
        transforms: how many, one after another.
        hidden: widths of the layers of each transform's network.
        bins: of each spline.
        coupling: whether half of the code decides how the other half is changed, and draws take two passes a transform.
            Without it each element depends on all before it, and draws take as many passes as the code has elements.
        classes: of the label that the density depends on, as `"@digit.classes"`; 0 for a prior that ignores labels.

    The divergence is estimated, by `kl_estimate`. With classes and no label the flow is the mean of its densities.
    Raises ValueError for coupling in one dimension.
    """

    title = "flow"

    def __init__(
        self,
        *,
        size: Annotated[int, Ge(1)],
        transformation: Transformation = "spline",
        transforms: Annotated[int, Ge(1)] = 3,
        hidden: tuple[Annotated[int, Ge(1)], ...] = (64, 64),
        bins: Annotated[int, Ge(2)] = 8,
        coupling: bool = True,
        classes: Annotated[int, Ge(0)] = 0,
    ) -> None:
        if coupling and size < 2:
            raise ValueError(
                "a flow by coupling needs a code of 2 elements or more, one half for the other; "
                f"size is {size}: coupling = false takes any size"
            )
        from zuko.flows import MAF, NSF  # here, since it imports many modules

        super().__init__(size)
        self.transformation, self.classes = transformation, classes
        options: dict[str, Any] = {"bins": bins} if transformation == "spline" else {}
        options |= {"transforms": transforms, "hidden_features": tuple(hidden), "passes": 2 if coupling else None}
        flow = NSF if transformation == "spline" else MAF
        self.transform = flow(size, context=classes, **options).transform

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`; given the label, if the flow has
        classes.

        Raises ValueError if a code has another size, for several labels, and for a label outside the classes.
        """
        self.require_size("log_probability(codes)", codes)
        label = self.label_of("log_probability", labels, rows=len(codes))
        if label is not None or not self.classes:
            return self._log_density(codes, label)
        each = torch.arange(self.classes, device=codes.device).repeat_interleave(len(codes))
        every = self._log_density(codes.repeat(self.classes, 1), each).view(self.classes, len(codes))
        return torch.logsumexp(every, 0) - math.log(self.classes)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, size)` of the given classes, through which gradients flow; without a label of random
        classes.

        Raises ValueError as `log_probability` does.
        """
        label = self.label_of("sample", labels, rows=count)
        if self.classes and label is None:
            device = self.zero.device if generator is None else generator.device
            drawn = torch.randint(self.classes, (count,), generator=generator, device=device)
            label = drawn.to(self.zero.device)
        return self.from_noise(normal_noise((count, self.size), like=self.zero, generator=generator), label)

    def to_noise(self, codes: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return f(z), the noise `(batch, code)` of codes, and log |det ∂f/∂z|, `(batch,)`."""
        if not len(codes):  # zuko's networks can't process it
            return codes, codes.sum(-1)
        # in bfloat16 a network would not be the inverse of itself
        noise, stretch = without_autocast(lambda rows: self._transform(label).call_and_ladj(rows), codes)
        return noise, stretch

    def from_noise(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """Return f⁻¹, the codes `(batch, code)` of noise."""
        if not len(noise):
            return noise
        codes: Tensor = without_autocast(lambda rows: self._transform(label).inv(rows), noise)
        return codes

    def extra_repr(self) -> str:
        return f"size={self.size}, transformation={self.transformation!r}, classes={self.classes}"

    def _log_density(self, codes: Tensor, label: Tensor | None) -> Tensor:
        noise, stretch = self.to_noise(codes, label)
        return gaussian_log_density(noise, self.zero, self.zero).sum(-1) + stretch

    def _transform(self, label: Tensor | None) -> Any:
        context = None if label is None else one_hot(label.long(), self.classes).to(self.zero.dtype)
        return self.transform(context)
