"""Interpolators: paths from one code to another. `interfaces.Interpolator` is the interface of any interpolator."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol, runtime_checkable

import torch
from einops import rearrange
from torch import Tensor, nn

from semreg.core import Role


def linear(a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
    """Return a point of the straight line: (1 − weight)·a + weight·b, exactly `a` at weight 0 and exactly `b` at weight
    1.

    `a`, `b` `(batch, code)`; `weight` in [0, 1], a number or a tensor that broadcasts against them, such as
    `(batch, 1)` or `(steps, 1, 1)`. Yan et al., *Semantics-Guided Representation Learning* (ATNL), Eq. 6.
    """
    return torch.lerp(a, b, weight.to(a) if isinstance(weight, Tensor) else weight)


def variance_preserving(a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
    """Return a point of the straight line, scaled so that between draws of N(0, I) every point is distributed as N(0,
    I).

    ((1 − weight)·a + weight·b) / √((1 − weight)² + weight²). The middle of a straight line between two codes of many
    dimensions is shorter than codes of this prior are; here it isn't. It is for codes that are drawn independently:
    between equal ones it leads outwards and back. `a`, `b` `(batch, code)`, `weight` as in `linear`.

    Source: Agustsson et al., *Optimal Transport Maps for Distribution Preserving Operations on Latent Spaces of
    Generative Models* (2019), the operation matched to a normal prior.
    """
    share = torch.as_tensor(weight, dtype=torch.promote_types(a.dtype, b.dtype), device=a.device)
    return linear(a, b, share) / torch.hypot(1 - share, share)


@runtime_checkable
class InvertiblePrior(Protocol):
    """A prior that maps codes to noise, its base space, in which they are N(0, I) for a flow, and back."""

    def to_noise(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the noise of codes `(batch, code)`, of the same shape, and the map's log |det|, `(batch,)`."""
        ...

    def from_noise(self, noise: Tensor) -> Tensor:
        """Return the codes of noise, the inverse of `to_noise`."""
        ...


class BaseSpace:
    """A path that is simple in a prior's own base space: from_noise(path(to_noise(a), to_noise(b), weight)).

    Under a flow it stays in regions of high density; a straight line between codes would leave them. The error of the
    map and its inverse at each end is subtracted evenly along the path, so that it starts at `a` and ends at `b`. Codes
    `(batch, code)`, weights as in `linear`; gradients reach both codes. In a run the prior is the code's in `[model]`.

    Args:
        prior: a prior with `to_noise` and `from_noise`, that depends on no label.
        path: in the base space, "linear" or "variance_preserving", for a base that is N(0, I).

    Raises ValueError for a prior without these methods or of classes, or another path.

    Source: Kingma and Dhariwal, *Glow: Generative Flow with Invertible 1x1 Convolutions* (2018), between real images.
    """

    def __init__(
        self,
        *,
        prior: Annotated[InvertiblePrior, Role.PRIOR],
        path: Literal["linear", "variance_preserving"] = "linear",
    ) -> None:
        if not isinstance(prior, InvertiblePrior):
            found = type(prior).__name__
            raise ValueError(f"base_space needs a prior with a base space, as a flow has; {found} has no `to_noise`")
        classes = getattr(prior, "classes", 0)
        if classes:
            raise ValueError(f"base_space needs a prior that depends on no label; this one has {classes} classes")
        if path not in ("linear", "variance_preserving"):
            raise ValueError(f"the path is 'linear' or 'variance_preserving', found {path!r}")
        self.prior = prior
        self.between = linear if path == "linear" else variance_preserving

    def __call__(self, a: Tensor, b: Tensor, weight: Tensor | float) -> Tensor:
        """Return the code at `weight` between `a` and `b`, codes `(batch, code)`."""
        dtype = torch.promote_types(a.dtype, b.dtype)
        weight = torch.as_tensor(weight, dtype=dtype, device=a.device)
        noise_a, noise_b = (self.prior.to_noise(self._given(end))[0] for end in (a, b))
        noise = self.between(noise_a, noise_b, weight.to(noise_a))
        rows = rearrange(noise, "... code -> (...) code")
        codes = self.prior.from_noise(rows).reshape(noise.shape).to(a.device, dtype)
        left = [end - self.prior.from_noise(own).to(a.device, dtype) for end, own in ((a, noise_a), (b, noise_b))]
        return codes + linear(left[0], left[1], weight)

    def _given(self, codes: Tensor) -> Tensor:
        """Return codes on the prior's device and in its precision."""
        numbers = (*self.prior.parameters(), *self.prior.buffers()) if isinstance(self.prior, nn.Module) else ()
        own = next((number for number in numbers if number.is_floating_point()), codes)
        return codes.to(own)


def place_on_path(arcs: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the point of a path of several arcs at `weight` of its length: the row, the arc, and the share of that arc.

    Args:
        arcs: lengths of each row's arcs, `(batch, arcs)`, not negative; the last has the length 0, from the end to
            itself, for the path at weight 1.
        weight: in [0, 1], and broadcasts against `(batch, 1)`.

    Returns:
        int64, int64 and the dtype of `arcs`, `(..., batch)` each.
    """
    lengths = torch.cat([torch.zeros_like(arcs[:, :1]), arcs.cumsum(1)], dim=1)
    place = (weight * lengths[:, -1:]).squeeze(-1)
    arc = (lengths[:, 1:-1] <= place[..., None]).sum(-1)
    row = torch.arange(len(arcs), device=arcs.device).expand_as(arc)
    length = arcs[row, arc]
    return row, arc, (place - lengths[row, arc]) / torch.where(length > 0, length, 1.0)
