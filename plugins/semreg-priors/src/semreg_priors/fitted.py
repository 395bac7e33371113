"""Densities fitted to the codes of the training images after training: priors to draw from.

Source: Ghosh et al., *From Variational to Deterministic Autoencoders* (2020), section 4 (ex-post density estimation).
The run's stored statistics include their parameters. Before the fit they are N(0, I).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from semreg.components.functional import gaussian_moments, normal_noise
from semreg.core import require_classes, shape_error
from semreg_priors.base import SizedPrior
from semreg_priors.functional import chosen

LEAST = 1e-4
"""The smallest standard deviation in any direction, as a share of the greatest: codes may leave directions empty."""
MOST_ROWS = 20_000
"""How many codes a mixture is fitted to, evenly spaced among all."""


class FittedNormals(SizedPrior):
    """Σ_k w_k N(z; m_k, U_k diag(s_k²) U_kᵀ), fitted to codes. It is stored in buffers; nothing is trained."""

    weights: Tensor
    means: Tensor
    directions: Tensor
    deviations: Tensor

    def __init__(self, size: int, components: int) -> None:
        super().__init__(size)
        self.components = components
        self.register_buffer("weights", torch.full((components,), 1 / components))
        self.register_buffer("means", torch.zeros(components, size))
        self.register_buffer("directions", torch.eye(size).repeat(components, 1, 1))
        self.register_buffer("deviations", torch.ones(components, size))

    def state(self) -> Mapping[str, Tensor]:
        """Return the fitted weights, means, directions `(components, size, size)` and deviations along them."""
        return {name: value for name, value in self.named_buffers() if name != "zero"}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Load the state of a prior with the same options, instead of a `fit`."""
        for name, value in self.state().items():
            value.copy_(state[name])

    def log_densities(self, codes: Tensor) -> Tensor:
        """Return the log-density of each code under each distribution in nats, `(batch, components)`."""
        away = torch.einsum("bkj,kji->bki", codes[:, None] - self.means, self.directions)
        constant = self.deviations.log().sum(-1) + self.size / 2 * math.log(2 * math.pi)
        return -0.5 * (away / self.deviations).square().sum(-1) - constant

    def mixed(self, codes: Tensor) -> Tensor:
        """Return the log-density of the mixture, `(batch,)`."""
        return torch.logsumexp(self.weights.log() + self.log_densities(codes), 1)

    def drawn(self, own: Tensor, generator: torch.Generator | None) -> Tensor:
        """Draw from each of these distributions, int64 `(count,)`."""
        noise = normal_noise((len(own), self.size), like=self.means, generator=generator)
        spread = (self.directions[own] @ (self.deviations[own] * noise)[..., None]).squeeze(-1)
        return self.means[own] + spread

    def any_of_them(self, count: int, generator: torch.Generator | None) -> Tensor:
        """Draw the distribution of each of `count` draws, by the weights, int64."""
        return chosen(self.weights.log().expand(count, -1), generator=generator)

    def put(self, index: int, mean: Tensor, covariance: Tensor, weight: float) -> None:
        """Give distribution `index` this mean and covariance."""
        variances, directions = torch.linalg.eigh(covariance)
        deviations = variances.clamp(min=0).sqrt()
        least = LEAST * float(deviations.max()) or LEAST
        self.weights[index] = weight
        for buffer, value in ((self.means, mean), (self.directions, directions), (self.deviations, deviations)):
            buffer[index] = (value.clamp(min=least) if value is deviations else value).to(buffer)

    def checked(self, codes: Tensor) -> Tensor:
        """Return the codes for a fit, float64 on the CPU. Raises ValueError if there are none, or they have another
        size or aren't finite."""
        self.require_size("fit(codes)", codes)
        if not len(codes) or not codes.isfinite().all():
            raise shape_error(f"{self.title}.fit(codes)", f"batch {self.size}", "codes must be there, finite", codes)
        return codes.detach().double().cpu()


class FittedGaussian(FittedNormals):
    """The normal distribution with the mean and the covariance of the training images' codes, drawn as in training.

    Source: Ghosh et al., *From Variational to Deterministic Autoencoders* (2020), section 4.

    Args:
        size: the length of the code.
        classes: of the label that is the code's attribute in `[model]`: one distribution each, by their shares; 0 for a
            single distribution.
    """

    title = "fitted_gaussian"

    def __init__(self, *, size: Annotated[int, Ge(1)], classes: Annotated[int, Ge(0)] = 0) -> None:
        super().__init__(size, classes or 1)
        self.classes = classes

    @torch.no_grad()
    def fit(self, codes: Tensor, *labels: Tensor) -> None:
        """Fit the moments of codes `(rows, code)`, of each class if there are any; a class without a code gets those of
        all codes.

        Raises ValueError for no codes, other sizes, codes that aren't finite, and classes without exactly one label.
        """
        codes = self.checked(codes)
        if self.classes and len(labels) != 1:
            raise ValueError(
                f"fitted_gaussian has {self.classes} classes, and {len(labels)} labels of its code: `attributes` of "
                "[model] says one, or leave out `classes`"
            )
        for index in range(self.components):
            own = codes
            if self.classes:
                label = labels[0].cpu()
                require_classes("fitted_gaussian.fit(codes, label)", label, rows=len(codes), classes=self.classes)
                own = codes[label == index]
            self.put(index, *gaussian_moments(own if len(own) else codes), len(own) / len(codes))

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`; given the label, if there are classes.

        Raises ValueError if a code has another size, for several labels, and for a label outside the classes.
        """
        self.require_size("log_probability(codes)", codes)
        label = self.label_of("log_probability", labels, rows=len(codes))
        if label is None:
            return self.mixed(codes)
        return self.log_densities(codes).gather(1, label.long()[:, None]).squeeze(1)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, size)` of the given classes, without a label by their shares. Raises as
        `log_probability`."""
        label = self.label_of("sample", labels, rows=count)
        return self.drawn(self.any_of_them(count, generator) if label is None else label.long(), generator)

    def extra_repr(self) -> str:
        return f"size={self.size}, classes={self.classes}"


class FittedMixture(FittedNormals):
    """A mixture of normal distributions with full covariances, fitted by scikit-learn to the training images' codes.

    Source: Ghosh et al., *From Variational to Deterministic Autoencoders* (2020), section 4.

    Labels are ignored.

    Args:
        size: the length of the code.
        components: how many distributions; at most as many as there are codes.
    """

    title = "fitted_mixture"

    def __init__(self, *, size: Annotated[int, Ge(1)], components: Annotated[int, Ge(1)] = 10) -> None:
        super().__init__(size, components)

    @torch.no_grad()
    def fit(self, codes: Tensor, *labels: Tensor) -> None:
        """Fit to codes `(rows, code)`; if there are more than 20,000, to that many, evenly spaced.

        Raises ValueError for no codes, other sizes, and codes that aren't finite.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        codes = self.checked(codes)
        few = codes[torch.linspace(0, len(codes) - 1, min(len(codes), MOST_ROWS)).long()]
        if len(few) < 2:
            few = few.repeat(2, 1)
        scale = few.std() + torch.finfo(few.dtype).tiny
        fitted = GaussianMixture(min(self.components, len(few)), reg_covar=1e-6, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted.fit((few / scale).numpy())
        found = [torch.from_numpy(part) for part in (fitted.means_, fitted.covariances_, fitted.weights_)]
        for index in range(self.components):
            # the missing ones are copies without weight
            here = min(index, len(found[0]) - 1)
            weight = float(found[2][here]) if here == index else 0.0
            self.put(index, found[0][here] * scale, found[1][here] * scale.square(), weight)

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`. Raises ValueError if a code has another
        size."""
        self.require_size("log_probability(codes)", codes)
        return self.mixed(codes)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, size)`."""
        return self.drawn(self.any_of_them(count, generator), generator)

    def extra_repr(self) -> str:
        return f"size={self.size}, components={self.components}"
