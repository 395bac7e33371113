"""Interpolations between test images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from semreg.core import ClassField, Handle, Reads, Result, Role, Table, TrainedRun, closest
from semreg.pictures import image_grid
from semreg.trained import (
    InterpolatorChoice,
    before_training,
    chosen_interpolators,
    class_field,
    decoded,
    draw_pairs,
    prior_of,
    read_codes,
    rows_by_class,
    strips,
    verdicts,
)


def interpolation_strip(
    code: Annotated[Handle, Role.CODE],
    label: Annotated[Handle, Role.LABEL],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    *,
    start: str | None = None,
    end: str | None = None,
    images: Annotated[int, Ge(2)] = 14,
    pairs: Annotated[int, Gt(0)] = 3,
    interpolators: Sequence[InterpolatorChoice] = ("linear",),
    judge: Annotated[TrainedRun | None, Reads("probability")] = None,
    generator: torch.Generator | None = None,
) -> Result:
    """Draw strips of images from a test image of one class to one of another, by each interpolator.

    All interpolators use the same random pairs of test images; the first and the last image of a strip are the pair's
    reconstructions. With a judge, its verdict is printed under each image. Yan et al. (ATNL), Figures 7 and 8.

    Args:
        code: `(batch, code)`.
        label: a field of classes.
        reconstruction: images computed from `code`, `(batch, channels, height, width)`.
        start, end: names of classes; by default the first class, and the one half way round a ring (the last one
            otherwise).
        images: how many to a strip, endpoints included.
        pairs: how many strips for each interpolator.
        interpolators: names, or tables with `use` and options.
        judge: a run on the same data with a tensor `probability` `(batch, classes)` read from `image`.
        generator: source of the draw of pairs.
    """
    field = class_field(label)
    names = field.names
    between, members = _ends(label, start, end)
    codes = read_codes(code, "test")
    generator = generator or torch.Generator().manual_seed(0)
    first, second, _ = draw_pairs(members, [between], pairs, generator)
    paths = chosen_interpolators(
        interpolators, read_codes(code, "train"), label.read("train"), field.order, prior=prior_of(code)
    )
    rows, row_labels, seen = [], [], []
    for name, path in paths.items():
        for strip in strips(path, codes[first], codes[second], images):
            rows.append(decoded(reconstruction, code, strip))
            row_labels.append(name)
            if judge is not None:
                seen.append([names[value] for value in verdicts(judge, rows[-1], field)])
    start_name, end_name = (names[value] for value in between)
    grid = image_grid(
        f"From {start_name} to {end_name}",
        rows,
        row_labels=row_labels,
        image_labels=seen or None,
        value_range=code.run.value_range,
        caption=f"Random pairs of test images, the same for every interpolator; {images} images, the pair's own "
        "reconstructions first and last."
        + (" Under each image: the class that an independent classifier sees." if seen else ""),
    )
    said = [(name, " ".join(labels)) for name, labels in zip(row_labels, seen, strict=False)]
    table = Table(f"From {start_name} to {end_name}, as the judge sees it", ("interpolator", "classes"), said)
    return Result(tables=[table] if seen else [], pictures=[grid])


def _ends(label: Handle, start: str | None, end: str | None) -> tuple[tuple[int, int], list[Tensor]]:
    """Return the classes at both ends of strips, and the test images of all classes. Raises ValueError if
    one has none."""
    field = class_field(label)
    names = field.names
    half_way = names[len(names) // 2] if field.order == "ring" else names[-1]
    between = (_index(field, "start", start or names[0]), _index(field, "end", end or half_way))
    members = rows_by_class(label.read("test"), len(names))
    for value in between:
        if not len(members[value]):
            raise ValueError(f"no test image is of class {names[value]!r}")
    return between, members


@before_training(interpolation_strip)
def _before_training(
    code: Handle, label: Handle, reconstruction: Handle, *, start: str | None, end: str | None, **options: Any
) -> None:
    """Raise ValueError for ends that are not classes, or that have no test image."""
    _ends(label, start, end)


def _index(field: ClassField, option: str, name: str) -> int:
    if name not in field.names:
        raise ValueError(f"{option}: there is no class {name!r}{closest(name, field.names)}")
    return field.names.index(name)
