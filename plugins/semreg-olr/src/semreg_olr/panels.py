"""Sliders for the attributes of an image, in `semreg explore`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from semreg.core import AttributesField
from semreg.trained import Panel, Run, Seen, Slider, Strip, labels_of
from semreg_olr.editing import statistics_of
from semreg_olr.evaluations.common import attributes_field, shown

MOST = 2.0
"""The highest strength of an attribute; 1 is the mean of the training images that have it."""


def rows(run: Run) -> Panel | None:
    """Build a slider for each attribute, in the code that has a row for each, as recipes/olr_celeba.toml trains it.

    The slider scales a row down to 0, at which the attribute is absent, and up by adding the mean row of the training
    images that have it (section 4.5, without a draw).
    """
    found = labels_of(run, AttributesField)
    if len(found) != 1 or not (run.roles.input and run.roles.output):
        return None
    [(label, code)] = found.items()
    names = attributes_field(run.tensor(label)).names
    blank = torch.full((1, *_shape(run)), run.value_range[0])
    codes = run.tensor(code).given(**{run.roles.input: blank})
    if not isinstance(codes, Tensor) or codes.ndim != 3 or codes.shape[1] != len(names):
        return None
    statistics = statistics_of(run, label, code, codes.shape[2])
    known = [name for name, images in zip(names, statistics.images.tolist(), strict=True) if images]

    def start(seen: Sequence[Seen]) -> dict[str, float]:
        own = strengths(seen[0].codes[code], statistics.mean)[0].tolist()
        return {shown(name): value for name, value in zip(names, own, strict=True) if name in known}

    def strips(seen: Sequence[Seen], values: Any) -> list[Strip]:
        before = seen[0].codes[code]
        own = strengths(before, statistics.mean)
        wanted = own.clone()
        for place, name in enumerate(names):
            if name in known:
                wanted[:, place] = values[shown(name)]
        return [Strip(codes={**seen[0].codes, code: with_strengths(before, statistics.mean, own, wanted)})]

    return Panel(
        "Attributes",
        "How much of each attribute there is: 0 is none, 1 as much as on the average of the training images that have "
        "it. At first it is the image's own.",
        strips,
        [Slider(shown(name), 0, MOST) for name in known],
        start=start,
    )


def strengths(codes: Tensor, means: Tensor) -> Tensor:
    """Return how far each row extends along the mean of its label's rows, `(batch, labels)`, at least 0.

    Codes `(batch, labels, k)`, means `(labels, k)`.
    """
    return ((codes * means).sum(2) / means.square().sum(1).clamp(min=1e-12)).clamp(min=0)


def with_strengths(codes: Tensor, means: Tensor, own: Tensor, wanted: Tensor) -> Tensor:
    """Return codes `(batch, labels, k)` with their rows changed from the strengths `own` to `wanted`,
    `(batch, labels)`.

    A row is scaled down to a lower strength, or gets a share of the mean added for a higher one; others don't change.
    """
    less = codes * (wanted / torch.where(own > 0, own, 1.0)).unsqueeze(2)
    more = codes + (wanted - own).unsqueeze(2) * means
    changed = torch.where((wanted < own).unsqueeze(2), less, more)
    return torch.where((wanted == own).unsqueeze(2), codes, changed)


def _shape(run: Run) -> tuple[int, ...]:
    field: Any = run.fields[run.roles.input]
    return field.channels, field.height, field.width
