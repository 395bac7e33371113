"""Codes on the unit sphere: the uniform prior, and power-spherical posteriors around a direction.

Source: De Cao and Aziz, *The Power Spherical Distribution* (2020). Densities are with respect to the sphere's area.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import torch
from annotated_types import Ge, Gt
from torch import Tensor
from torch.nn import functional as F

from semreg.components.functional import normal_noise
from semreg.core import require_equal_shapes, shape_error
from semreg_priors.base import SizedPrior
from semreg_priors.functional import (
    power_spherical_draw,
    power_spherical_kl,
    power_spherical_log_density,
    sphere_log_area,
    unit,
)


class PowerSpherical(NamedTuple):
    """q(z) ∝ (1 + μᵀz)^κ on the unit sphere: `direction` μ `(batch, size)`, `concentration` κ ≥ 0, `(batch,)`."""

    direction: Tensor
    concentration: Tensor

    def centre(self) -> Tensor:
        """Return the mean direction, `(batch, size)`."""
        return self.direction

    def draw(self, *, generator: torch.Generator | None = None) -> Tensor:
        """Draw unit vectors `(batch, size)`; gradients to the concentration are right on average, not for each draw."""
        return power_spherical_draw(self.direction, self.concentration, generator=generator)

    def log_density(self, codes: Tensor) -> Tensor:
        """Return the log-density of unit vectors `(batch, size)` in nats, `(batch,)`. Raises ValueError if shapes
        differ."""
        require_equal_shapes("power_spherical.log_density(codes)", "batch size, batch size", codes, self.direction)
        return power_spherical_log_density(codes, self.direction, self.concentration)


def power_spherical(features: Tensor, *, least: Annotated[float, Gt(0)] = 1.0) -> PowerSpherical:
    """Make a posterior on the unit sphere from features `(batch, size + 1)`: a vector for its direction, then a number.

    q(z) = (1 + μᵀz)^κ / N(κ, size), with κ = `least` + softplus of the number: `sample` draws from it without
    rejection, and `uniform_on_sphere` has the divergence in closed form. Raises ValueError for features of another
    shape, or for a sphere in fewer than two dimensions.

    Source: De Cao and Aziz, *The Power Spherical Distribution* (2020), Algorithm 1.
    """
    if features.ndim != 2 or features.shape[1] < 3:
        cause = "a direction of two numbers or more, and a concentration"
        raise shape_error("power_spherical(features)", "batch (size + 1)", cause, features)
    return PowerSpherical(unit(features[:, :-1]), least + F.softplus(features[:, -1]))


class UniformOnSphere(SizedPrior):
    """The uniform distribution on the unit sphere, of codes `(batch, size)` of length 1: p(z) = Γ(d/2) / 2π^(d/2).

    A code of another length has the density of its direction. With a `power_spherical` posterior `kl_divergence` has a
    closed form. Labels are ignored.

    Source: De Cao and Aziz, *The Power Spherical Distribution* (2020).
    """

    title = "uniform_on_sphere"

    def __init__(self, *, size: Annotated[int, Ge(2)]) -> None:
        super().__init__(size)

    def log_probability(self, codes: Tensor, *labels: Tensor) -> Tensor:
        """Return the log-density of codes `(batch, code)` in nats, `(batch,)`. Raises ValueError if a code has another
        size."""
        self.require_size("log_probability(codes)", codes)
        return 0 * codes.sum(-1) - sphere_log_area(self.size)

    def sample(self, count: int, *labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw codes `(count, size)` of length 1."""
        return unit(normal_noise((count, self.size), like=self.zero, generator=generator))

    def kl_divergence(self, posterior: PowerSpherical, *labels: Tensor) -> Tensor:
        """Return KL(posterior ‖ prior) in nats, spread evenly over the elements of the code, `(batch, code)`.

        Raises ValueError for another posterior, or if the size differs.
        """
        self.require_size("kl_divergence(posterior)", _power_spherical(posterior).direction)
        whole = power_spherical_kl(posterior.concentration, self.size)
        return (whole / self.size)[:, None].expand(-1, self.size)


def _power_spherical(posterior: Any) -> PowerSpherical:
    if not isinstance(posterior, PowerSpherical):
        raise ValueError(
            "uniform_on_sphere.kl_divergence(posterior) takes a posterior on the sphere, as power_spherical(features) "
            f"gives; found a {type(posterior).__name__}"
        )
    return posterior
