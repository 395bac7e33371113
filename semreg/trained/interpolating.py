"""Images on the way from one image of one's own to another."""

from __future__ import annotations

from typing import Any

import torch
from einops import pack, rearrange, unpack
from torch import Tensor

from semreg.core import Interpolator, UserError
from semreg.trained.classes import class_field, read_codes, synthesised
from semreg.trained.images import image_field
from semreg.trained.inputs import EvaluationInputs, evaluation_inputs
from semreg.trained.paths import parts_of, strips, unfitted
from semreg.trained.run import Run, TensorHandle

PLAIN = "linear"
"""What recipes compare all others with: their own interpolator is another one, if they name one."""
FAR = 1e-3
"""How far from its code a path may begin, as a share of the code's length."""

Choice = str | dict[str, Any]
"""An interpolator's name, or a table with its name as `use` and its options, as in a recipe."""


def interpolate(run: Run, a: Tensor, b: Tensor, *, steps: int = 10, interpolator: Choice | None = None) -> Tensor:
    """Images on the way from `a` to `b`, `(batch, steps, channels, height, width)`; the first and the last are those
    that the decoder makes of the two images themselves.

    The recipe's first evaluation with interpolators (`interpolation_strip` before others) says which code is
    interpolated, and what is made of it; without any these are all codes of `[model]`, and its output.

    Args:
        run: a trained run.
        a, b: images `(batch, channels, height, width)` in the recipe's range.
        steps: how many images, both ends included, at least 2.
        interpolator: a name, which has the options that the recipe's evaluations give to it, or a table with `use` and
            options; by default the first in the recipe's evaluation that is not "linear", or else "linear". One that
            is fitted on classes, as "geodesic", reads the run's training data.

    Raises ValueError for fewer steps, an interpolator that is unknown, or that leads elsewhere than to the codes
    (as along the unit sphere, where codes don't lie on it), and codes that need more than an image; UserError where the
    training data are needed and missing.
    """
    if steps < 2:
        raise ValueError(f"steps: {steps} images can't show both ends; 2 or more can")
    evaluations = interpolations(run)
    codes, output = _codes(run, evaluations)
    path = path_of(run, evaluations, interpolator)
    name, _ = image_field(run)
    found: dict[str, Tensor] = {}
    for code in codes:
        ends = [code.given(**{name: images}) for images in (a, b)]
        if not all(isinstance(end, Tensor) for end in ends):
            raise ValueError(f"{code.name!r} is no tensor of codes, so nothing lies between two of it")
        (first, shapes), (last, _) = (pack([end], "batch *") for end in ends)
        strip = strips(path, first, last, steps)
        for side, end in ((0, first), (-1, last)):
            _require_reached(strip[:, side], end, code.name)
        rows = rearrange(strip, "batch steps code -> (batch steps) code")
        found[code.name] = unpack(rows, shapes, "rows *")[0]
    return rearrange(synthesised(output, found), "(batch steps) ... -> batch steps ...", steps=steps)


def interpolations(run: Run) -> list[EvaluationInputs]:
    """The recipe's evaluations that take a code, a label and a reconstruction, by these names, and interpolators.

    Those by `interpolation_strip` come first, the others in the recipe's order.
    """
    found = [
        wiring
        for wiring in evaluation_inputs(run)
        if {"code", "label", "reconstruction"} <= wiring.named.keys() and _choices(wiring)
    ]
    return sorted(found, key=lambda wiring: wiring.component != "interpolation_strip")


def path_of(run: Run, evaluations: list[EvaluationInputs], interpolator: Choice | None) -> Interpolator:
    """The interpolator of the recipe's evaluations, or the one asked for, fitted on training codes if it wants that.

    Raises as `interpolate` does.
    """
    named = [parts_of(choice) for evaluation in evaluations for choice in _choices(evaluation)]
    if interpolator is None:
        first = [parts_of(choice) for evaluation in evaluations[:1] for choice in _choices(evaluation)]
        name, options = next((part for part in first if part[0] != PLAIN), (PLAIN, {}))
    elif isinstance(interpolator, str):
        name, options = next((part for part in named if part[0] == interpolator), (interpolator, {}))
    else:
        name, options = parts_of(interpolator)
    path = unfitted(name, options)
    if hasattr(path, "fit"):
        if not evaluations:
            raise UserError(
                str(run.folder),
                f"{name} follows classes, and this run has no evaluation that says which code and which label they are "
                "of; recipes/atnl_mnist.toml has one, interpolation_strip",
            )
        code, label = evaluations[0].named["code"], evaluations[0].named["label"]
        path.fit(read_codes(code, "train"), label.read("train"), class_field(label).order)
    return path


def _choices(wiring: EvaluationInputs) -> list[Choice]:
    single = wiring.options.get("interpolator")
    return list(wiring.options.get("interpolators", [single] if single is not None else []))


def _codes(run: Run, evaluations: list[EvaluationInputs]) -> tuple[list[TensorHandle], TensorHandle]:
    """The codes to interpolate, and what is made of them."""
    if evaluations:
        return [evaluations[0].named["code"]], evaluations[0].named["reconstruction"]
    return [run.tensor(name) for name in run.model.code], run.tensor(run.model.output)


def _require_reached(reached: Tensor, end: Tensor, name: str) -> None:
    away = torch.linalg.vector_norm(reached - end, dim=1)
    if (away > FAR * torch.linalg.vector_norm(end, dim=1)).any():
        raise ValueError(
            f"the path doesn't lead from one {name!r} to the other: it ends {float(away.max()):.2g} away from a code; "
            'along a sphere it takes { use = "spherical", norm = "interpolated" } for codes of any length'
        )
