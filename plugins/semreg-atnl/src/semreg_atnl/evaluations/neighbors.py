"""Synthesis of a class from its two neighbours, judged by an independent classifier (Figures 9 to 12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from annotated_types import Gt, Lt
from torch import Tensor

from semreg.core import ClassField, Handle, Reads, Result, Role, Table, TrainedRun
from semreg.pictures import bar_plot, image_grid
from semreg.trained import (
    InterpolatorChoice,
    before_training,
    better,
    chosen_interpolators,
    class_field,
    decoded,
    draw_pairs,
    judged,
    prior_of,
    read_codes,
    rows_by_class,
)


@better(higher=["*"], units={"*": "share"})
def neighbor_synthesis(
    code: Annotated[Handle, Role.CODE],
    label: Annotated[Handle, Role.LABEL, Role.ORDER],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    *,
    judge: Annotated[TrainedRun, Reads("probability")],
    interpolators: Sequence[InterpolatorChoice] = ("linear",),
    weight: Annotated[float, Gt(0), Lt(1)] = 0.5,
    pairs: Annotated[int, Gt(0)] = 200,
    generator: torch.Generator | None = None,
) -> Result:
    """Measure how often a judge recognises the class half way between images of its two neighbours.

    Each class with a neighbour on either side (all of a ring, the inner ones of a line) has random pairs of test images
    of its neighbours, the same for every interpolator.

    Figures, means over classes: `NAME` for each interpolator; `reconstructions`, the share of reconstructions of the
    class's own test images recognised as it, an upper limit in practice.

    Args:
        code: `(batch, code)`.
        label: a field of classes in a ring or a line.
        reconstruction: images computed from `code`, `(batch, channels, height, width)`.
        judge: a run on the same data with a tensor `probability` `(batch, classes)` read from `image`.
        interpolators: names, or tables with `use` and options.
        weight: how far from the neighbour before to the one after.
        pairs: how many for each class.
        generator: source of the draw of pairs.
    """
    field = class_field(label)
    codes, labels = read_codes(code, "test"), label.read("test")
    members = rows_by_class(labels, len(field.names))
    triples = _triples(field, members)
    paths = chosen_interpolators(
        interpolators, read_codes(code, "train"), label.read("train"), field.order, prior=prior_of(code)
    )
    generator = generator or torch.Generator().manual_seed(0)
    shares: dict[str, list[float]] = {name: [] for name in (*paths, "reconstructions")}
    columns = []
    for before, between, after in triples:
        first, second, _ = draw_pairs(members, [(before, after)], pairs, generator)
        made = {name: path(codes[first], codes[second], weight) for name, path in paths.items()}
        made["reconstructions"] = codes[members[between]]
        for name, synthesised in made.items():
            seen = judged(judge, reconstruction, code, synthesised, field)
            shares[name].append(float((seen == between).float().mean()))
        shown = [codes[first[:1]], *(made[name][:1] for name in paths), codes[second[:1]]]
        columns.append(decoded(reconstruction, code, torch.cat(shown)))
    names = [field.names[between] for _, between, _ in triples]
    figures = {name: sum(values) / len(values) for name, values in shares.items()}
    table = Table(
        "Recognised as the class between",
        ("class", *shares),
        [("mean", *figures.values()), *zip(names, *shares.values(), strict=True)],
        caption=f"{pairs} random pairs of test images of each class's neighbours, at weight {weight:g}. "
        "Reconstructions: of the class's own test images.",
    )
    grid = image_grid(
        "Classes synthesised from their neighbours",
        list(torch.stack(columns, 1)),
        row_labels=["neighbour before", *paths, "neighbour after"],
        column_labels=names,
        value_range=code.run.value_range,
        caption="The first random pair of each class, unselected: the reconstructions of two test images, and the "
        "image between them.",
    )
    bars = bar_plot("Recognised as the class between", names, shares, y_label="share recognised")
    summary = "recognised as the class between: " + ", ".join(f"{name} {share:.1%}" for name, share in figures.items())
    return Result(figures, {}, [table], [grid, bars], summary)


def _triples(field: ClassField, members: Sequence[Tensor]) -> list[tuple[int, int, int]]:
    """Return the `neighbors_of` that all have images. Raises ValueError if there are none."""
    triples = [triple for triple in neighbors_of(field) if all(len(members[value]) for value in triple)]
    if not triples:
        raise ValueError("no class with test images has two neighbours with test images")
    return triples


@before_training(neighbor_synthesis)
def _before_training(code: Handle, label: Handle, reconstruction: Handle, **options: Any) -> None:
    """Raise ValueError as `_triples` does."""
    field = class_field(label)
    _triples(field, rows_by_class(label.read("test"), len(field.names)))


def neighbors_of(field: ClassField) -> list[tuple[int, int, int]]:
    """Return each class between its two neighbours, (before, class, after). Raises ValueError if none has two."""
    count = len(field.names)
    if field.order == "none" or count < 3:
        found = f"{count} classes of order {field.order!r}"
        raise ValueError(f"a class between two neighbours needs three classes in a ring or a line; these are {found}")
    inner = range(count) if field.order == "ring" else range(1, count - 1)
    return [((value - 1) % count, value, (value + 1) % count) for value in inner]
