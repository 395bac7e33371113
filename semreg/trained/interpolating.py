"""Interpolations between your own images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from einops import pack, rearrange, unpack
from torch import Tensor

from semreg.core import ClassField, Interpolator
from semreg.store.reading import as_written
from semreg.trained.classes import class_field, read_codes, synthesised
from semreg.trained.input_checks import expected_images
from semreg.trained.paths import needs_prior, parts_of, prior_of, strips, unfitted
from semreg.trained.roles import need, only_attribute
from semreg.trained.run import Run
from semreg.trained.statistics import fitted_state

STRAIGHT = "linear"
"""The default interpolator."""
FAR = 1e-3
"""How far from its code a path may start, as a share of the code's length."""

Choice = str | Mapping[str, Any]
"""An interpolator's name, or a table with its name as `use` and its options, as in a recipe."""


def interpolate(run: Run, a: Any, b: Any, *, steps: int = 10, interpolator: Choice | None = None) -> Tensor:
    """Return images between `a` and `b`, `(batch, steps, channels, height, width)`; the first and the last are the
    decoder's reconstructions of the two images.

    The interpolator moves all codes of the recipe's `[model]`, and the images are the output for them. An interpolator
    that follows classes, as "geodesic", only moves the code that carries them; the other codes move on a straight line.

    Args:
        run: a trained run.
        a, b: images `(batch, channels, height, width)` in the recipe's range, or in memory as `Run.encode` takes them.
        steps: how many images, both ends included, at least 2.
        interpolator: a name, or a table with `use` and options; by default that of `[model]`, or else "linear".

    Raises ValueError for fewer steps, images of another number, shape or range, an interpolator that is unknown, or
    that doesn't lead to the codes (as along the unit sphere, if codes are not on it), and codes that need more than an
    image; UserError for roles that `[model]` lacks, and if an interpolator must be fitted and the training data are
    missing.
    """
    roles = need(run, "input", "code", "output")
    a, b = (expected_images(run, images, "interpolate") for images in (a, b))
    if a.shape != b.shape:
        raise ValueError(f"interpolate expects an image to reach for each; found {len(a)} and {len(b)}")
    ends = [{name: run.tensor(name).given(**{roles.input: images}) for name in roles.code} for images in (a, b)]
    found = codes_between(run, *ends, steps=steps, interpolator=interpolator)
    images = synthesised(run.tensor(roles.output), found)
    return rearrange(images, "(batch steps) ... -> batch steps ...", steps=steps)


def codes_between(
    run: Run, a: Mapping[str, Tensor], b: Mapping[str, Tensor], *, steps: int, interpolator: Choice | None = None
) -> dict[str, Tensor]:
    """Return codes `(batch · steps, …)` between those of some images and those of others, `(batch, …)` each, by the
    names of their tensors; one pair after the other.

    The interpolator moves all codes, unless it follows classes: then it only moves the codes that carry them, and the
    others move on a straight line. Raises ValueError and UserError as `interpolate` does.
    """
    if steps < 2:
        raise ValueError(f"steps: {steps} images can't show both ends; 2 or more can")
    found: dict[str, Tensor] = {}
    for name in a:
        ends = [a[name], b[name]]
        if not all(isinstance(end, Tensor) for end in ends):
            raise ValueError(f"{name!r} is not a tensor of codes, so there is no path between two of them")
        (first, shapes), (last, _) = (pack([end], "batch *") for end in ends)
        strip = strips(path_of(run, interpolator, name), first, last, steps)
        for side, end in ((0, first), (-1, last)):
            _require_reached(strip[:, side], end, name)
        rows = rearrange(strip, "batch steps code -> (batch steps) code")
        found[name] = unpack(rows, shapes, "rows *")[0]
    return found


def path_of(run: Run, choice: Choice | None = None, code: str | None = None) -> Interpolator:
    """Return the interpolator of a run's `[model]`, or the chosen one; a name without options gets those that `[model]`
    has for it.

    One that follows classes was fitted when the run was trained, or is fitted on training codes now; for a `code`
    without classes it is the straight line. One that goes through a prior uses that of `code`; for a code without a
    prior, beside others with one, it is the straight line. Raises as `interpolate` does.
    """
    own = run.roles.interpolator
    if choice is None or choice == own.get("use"):
        choice = own or STRAIGHT
    name, options = parts_of(choice)
    prior = None if code is None else prior_of(run.tensor(code))
    if prior is None and run.roles.prior and needs_prior(name, options):
        return unfitted(STRAIGHT, {})
    path: Any = unfitted(name, options, prior)
    if hasattr(path, "fit"):
        if code not in (None, only_attribute(run, ClassField)[1]):
            return unfitted(STRAIGHT, {})
        state = fitted_state(run, name, options) if hasattr(path, "load_state") else None
        if state is not None:
            with as_written(run.folder):
                path.load_state(state)
        else:
            label, carrier = map(run.tensor, only_attribute(run, ClassField))
            path.fit(read_codes(carrier, "train", flat=True), label.read("train"), class_field(label).order)
    return path  # type: ignore[no-any-return]


def _require_reached(reached: Tensor, end: Tensor, name: str) -> None:
    away = torch.linalg.vector_norm(reached - end, dim=1)
    if (away > FAR * torch.linalg.vector_norm(end, dim=1)).any():
        raise ValueError(
            f"the path doesn't lead from one {name!r} to the other: it ends {float(away.max()):.2g} away from a code; "
            'along a sphere it takes { use = "spherical", norm = "interpolated" } for codes of any length'
        )
