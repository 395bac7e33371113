"""The spread of points drawn for a class along the label-irrelevant axis, compared with the data (Figure 2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from semreg.core import Cell, Handle, Result, Role, Table
from semreg.pictures import scatter_plot
from semreg.trained import class_field, read_codes, rows_by_class
from semreg_gmprior.points import kept_points


def toy_spread(
    points: Annotated[Handle, Role.INPUT],
    samples: Annotated[Handle, Role.SAMPLE],
    label: Annotated[Handle, Role.LABEL],
    *,
    axis: Annotated[int, Ge(0)] = 1,
    epochs: Sequence[Annotated[int, Gt(0)]] = (),
) -> Result:
    """Compute the standard deviation of generated points of each class along one axis, divided by that of test points.

    Figures: `ratio_CLASS`, and `ratio`, the classes' mean. 1 is the data's spread; a lower ratio means that the
    generator varies less than the data. Zheng and Sun, section 4.1 and Figure 2, which has pictures only.

    Args:
        points: the data's, `(batch, axes)`.
        samples: points drawn from priors for the labels of the batch, `(batch, axes)`.
        label: a field of classes.
        axis: the label-irrelevant one, from 0.
        epochs: of training after which points are also drawn and shown, if the run kept them.

    Raises ValueError if a class has fewer than two test points, or test points that do not spread along the axis.
    """
    field = class_field(label)
    real, drawn = read_codes(points, "test"), read_codes(samples, "test")
    if drawn.shape != real.shape or axis >= real.shape[1]:
        shapes = f"points {tuple(real.shape)} and samples {tuple(drawn.shape)}"
        raise ValueError(f"points and samples are of one shape (batch, axes), with an axis {axis}; found {shapes}")
    rows: list[tuple[Cell, ...]] = []
    ratios: dict[str, float] = {}
    for name, members in zip(field.names, rows_by_class(label.read("test"), len(field.names)), strict=True):
        if len(members) < 2:
            raise ValueError(f"class {name!r} has {len(members)} test points; a spread needs at least two")
        true, found = (float(part[members, axis].double().std()) for part in (real, drawn))
        if not true:
            raise ValueError(f"the test points of class {name!r} do not spread along axis {axis}")
        ratios[name] = found / true
        rows.append((name, true, found, ratios[name]))
    mean = math.fsum(ratios.values()) / len(ratios)
    table = Table(
        f"Standard deviation along axis {axis}",
        ("class", "test points", "generated", "generated ÷ test points"),
        [*rows, ("mean of the classes", None, None, mean)],
    )
    pictures = []
    if real.shape[1] > 1:
        kept = kept_points(points.run.folder, samples.name) if epochs else {}
        parts = {
            "Test points": (real, label.read("test"), "All pictures have the same axes."),
            "Generated points": (
                drawn,
                label.read("test"),
                "One for each test point, drawn for its class from the priors.",
            ),
            **{f"Generated points, epoch {epoch}": (*kept[epoch], "") for epoch in epochs if epoch in kept},
        }
        limits = _limits(torch.cat([part[:, :2] for part, _, _ in parts.values()]))
        pictures = [
            scatter_plot(title, part[:, :2], classes, field.names, limits=limits, caption=caption)
            for title, (part, classes, caption) in parts.items()
        ]
    shown = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    return Result(
        figures={"ratio": mean} | {f"ratio_{name}": ratio for name, ratio in ratios.items()},
        tables=[table],
        pictures=pictures,
        summary=f"generated points spread {mean:.2f} times as wide as the data along axis {axis} ({shown})",
    )


def _limits(points: Tensor) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the smallest frame around points `(rows, 2)`, with a margin."""
    low, high = points.amin(0), points.amax(0)
    margin = 0.05 * (high - low).clamp(min=1e-6)
    (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
    return (left, right), (bottom, top)
