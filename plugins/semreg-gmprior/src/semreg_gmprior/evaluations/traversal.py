"""Traversals of each of the two codes with the other one fixed (Figures 4 and 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, MinLen
from torch import Tensor

from semreg.components.functional import normal_noise
from semreg.core import Handle, Result, Role, Table, closest
from semreg.pictures import image_grid
from semreg.trained import class_field, synthesised
from semreg_gmprior.prior import GaussianMixture

REACH = 3.0
"""How far one dimension of z_u moves each way, in standard deviations of its prior."""
MOST_ROWS = 10
"""How many classes are shown unless the recipe names some."""
UNDER = 3
"""How many classes have pictures of single dimensions."""
DRAWS = 8
"""How many codes are drawn: two are the ends of a line, one is fixed, all serve to compare the dimensions of z_u."""

Decode = Callable[[Tensor, Tensor], Tensor]
"""Images of codes z_s and z_u `(rows, code)` each."""


def traversal(
    relevant: Annotated[Handle, Role.CODE],
    prior_s: Annotated[Any, Role.PRIOR],
    irrelevant: Annotated[Handle, Role.REST],
    prior_u: Annotated[Any, Role.PRIOR],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    label: Annotated[Handle, Role.LABEL],
    *,
    classes: Annotated[Sequence[str], MinLen(1)] | None = None,
    images: Annotated[int, Ge(2)] = 10,
    dimensions: Annotated[int, Gt(0)] | list[Annotated[int, Ge(0)]] = 3,
    generator: torch.Generator | None = None,
) -> Result:
    """Decode z_s varied within each class, z_u varied under each class, and single dimensions of z_u.

    The first picture has one z_u, and z_s = z·σ_c + μ_c with the same z in all rows, on the straight line between two
    draws from N(0, I). The second has one z, and in all rows the same z_u on the line between two draws from its prior.
    The third has one z_u with one dimension at a time moving from −3 to 3, under three classes. Zheng and Sun,
    section 4.3, Figures 4 and 5.

    Args:
        relevant: z_s, `(batch, code)`.
        prior_s: its prior, a module `gaussian_mixture`.
        irrelevant: z_u, `(batch, code)`.
        prior_u: its prior, a module; the third picture assumes standard deviations of 1.
        reconstruction: images computed from both codes, `(batch, channels, height, width)`.
        label: a field of the classes of `prior_s`.
        classes: those of the rows, by name; the first ten by default.
        images: how many to a row.
        dimensions: of z_u, to show one at a time, counted from 0; or how many: those between whose ends the images
            differ most in mean square, over eight draws of everything else.
        generator: source of all draws.

    Raises ValueError for other priors, classes that do not exist, and dimensions that z_u lacks.
    """
    names = class_field(label).names
    if not isinstance(prior_s, GaussianMixture) or prior_s.classes != len(names):
        found = f"{prior_s.classes} classes" if isinstance(prior_s, GaussianMixture) else f"a {type(prior_s).__name__}"
        raise ValueError(
            f"the prior of {relevant.name!r} must be a module gaussian_mixture, a mean and a variance for each of "
            f"{len(names)} classes; found {found}"
        )
    if not hasattr(prior_u, "sample"):
        raise ValueError(f"the prior of {irrelevant.name!r} must be a module to draw from; found {prior_u!r}")
    shown = _indices(names, classes if classes is not None else names[:MOST_ROWS])

    def decode(z_s: Tensor, z_u: Tensor) -> Tensor:
        return synthesised(reconstruction, {relevant.name: z_s, irrelevant.name: z_u})

    with torch.no_grad():
        noise = normal_noise((DRAWS, prior_s.size), like=prior_s.means, generator=generator)
        free = prior_u.sample(DRAWS, generator=generator)
        deviations = torch.exp(0.5 * prior_s.floored_log_variances())

        def of_class(value: int, z: Tensor) -> Tensor:
            return z * deviations[value] + prior_s.means[value]

        steps = torch.linspace(0, 1, images).to(noise)[:, None]
        line_s, line_u = (torch.lerp(ends[0], ends[1], steps) for ends in (noise, free))
        within = [decode(of_class(value, line_s), free[2].expand(images, -1)) for value in shown]
        across = [decode(of_class(value, noise[2]).expand(images, -1), line_u) for value in shown]
        changes = _changes(decode, of_class(shown[0], noise), free)
        chosen = _dimensions(dimensions, changes)
        single, row_labels = [], []
        for dimension in chosen:
            for value in shown[:UNDER]:
                codes = free[2].repeat(images, 1)
                codes[:, dimension] = torch.linspace(-REACH, REACH, images).to(codes)
                single.append(decode(of_class(value, noise[2]).expand(images, -1), codes))
                row_labels.append(f"{dimension} · {names[value]}")
    part = f" The first {len(shown)} of {len(names)} classes." if classes is None and len(shown) < len(names) else ""
    few = f" Under {len(shown[:UNDER])} of these classes." if len(shown) > UNDER else ""
    value_range, rows = relevant.run.value_range, [names[value] for value in shown]
    ends = "evenly spaced on the line between two random draws; unselected."
    how = "that the recipe names" if isinstance(dimensions, list) else "whose ends give the most different images"
    pictures = [
        image_grid(
            "z_s varied within each class", within, row_labels=rows, value_range=value_range,
            caption=f"One z_u for all; in a column the same z_s, moved to the row's class; columns {ends}{part}",
        ),
        image_grid(
            "z_u varied under each class", across, row_labels=rows, value_range=value_range,
            caption=f"In a row one z_s of its class, in a column one z_u; columns {ends}{part}",
        ),
        image_grid(
            "Single dimensions of z_u", single, row_labels=row_labels, value_range=value_range,
            caption=f"One dimension of z_u from −{REACH:g} to {REACH:g}, all else fixed: the dimensions {how}.{few}",
        ),
    ]  # fmt: skip
    order = changes.argsort(descending=True, stable=True).tolist()
    table = Table(
        "Dimensions of z_u and their effect",
        ("dimension", "mean squared difference"),
        [(dimension, float(changes[dimension])) for dimension in order],
        caption=f"Between images with the dimension at −{REACH:g} and at {REACH:g}, over {DRAWS} random codes of "
        f"class {rows[0]}.",
        digits=5,
    )
    return Result(tables=[table], pictures=pictures)


def _indices(names: tuple[str, ...], wanted: Sequence[str]) -> list[int]:
    for name in wanted:
        if name not in names:
            raise ValueError(f"classes: there is no class {name!r}{closest(name, names)}")
    return [names.index(name) for name in wanted]


def _changes(decode: Decode, z_s: Tensor, z_u: Tensor) -> Tensor:
    """Return how much each dimension changes images: the mean squared difference between its ends, `(code,)`."""
    changes = []
    for dimension in range(z_u.shape[1]):
        ends = z_u.repeat(2, 1)
        ends[: len(z_u), dimension], ends[len(z_u) :, dimension] = -REACH, REACH
        low, high = decode(z_s.repeat(2, 1), ends).chunk(2)
        changes.append((high - low).square().mean())
    return torch.stack(changes)


def _dimensions(wanted: int | list[int], changes: Tensor) -> list[int]:
    size = len(changes)
    if isinstance(wanted, int):
        order: list[int] = changes.argsort(descending=True, stable=True).tolist()
        return order[:wanted]
    beyond = [dimension for dimension in wanted if dimension >= size]
    if beyond or not wanted:
        raise ValueError(f"dimensions: z_u has 0 to {size - 1}; found {wanted}")
    return wanted
