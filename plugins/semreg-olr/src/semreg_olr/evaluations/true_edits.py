"""Labels added to images, compared with the same images drawn with the label: the share of the true
change in an edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from annotated_types import Gt
from torch import Tensor

from semreg.core import Handle, Picture, Reads, Result, Role, Table, TrainedRun
from semreg.pictures import image_grid
from semreg.trained import before_training, better
from semreg_olr.evaluations.common import Count, mean, shown
from semreg_olr.evaluations.editing import Bench

FIGURES = (
    "error_before", "error_edited", "error_possible", "share_of_change", "share_possible",
    "seen_edited", "seen_possible", "seen_in_drawings",
)  # fmt: skip

Redrawn = Callable[[int, str], "np.ndarray[Any, np.dtype[np.uint8]] | None"]


class Case(NamedTuple):
    """A label added to some test images; images are `(cases, channels, height, width)`, in the recipe's range."""

    label: int
    truth: Tensor
    """Images drawn with the label, as targets of the decoder."""
    possible: Tensor
    """Reconstructions of these."""
    edited: Tensor
    before: Tensor
    """Reconstructions of the images without the label."""
    change: Tensor
    """The change of the image in the drawing with the label."""
    seen: Tensor
    """`(3, cases)`: whether the judge sees the label after the edit, in `possible`, and in the drawings."""

    def numbers(self) -> list[float]:
        """Return the values of FIGURES for these images."""
        errors = [mean((images - self.truth).square()) for images in (self.before, self.edited, self.possible)]
        size = float(self.change.square().sum())
        made = [float(((images - self.before) * self.change).sum()) for images in (self.edited, self.possible)]
        return [*errors, *(one / size if size else torch.nan for one in made), *map(mean, self.seen)]


@better(
    higher=["share_of_change", "seen_edited"],
    lower=["error_edited"],
    units={"error_*": "squared error", "share_*": "share", "seen_*": "share"},
)
def true_edits(
    embedding: Annotated[Handle, Role.CODE],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    attributes: Annotated[Handle, Role.ATTRIBUTES],
    target: Annotated[Handle, Role.TARGET],
    image: Annotated[Handle, Role.INPUT],
    *,
    judge: Annotated[TrainedRun, Reads("probability")],
    scale: Annotated[float, Gt(0)] = 1.0,
    count: Count = 50,
    pictures: Count = 12,
    generator: torch.Generator | None = None,
) -> Result:
    """Add labels to test images, and compare with the same images drawn with the label (only drawn faces).

    Labels are added as in `attribute_editing`. The data set draws each image again, with the label, without those that
    exclude it, and otherwise the same; images for which this is impossible are left out.

    Figures, means over labels: the squared error to the drawing, `error_before` of the reconstruction without the
    label, `error_edited` after the edit, and `error_possible` of the drawing's own reconstruction; `share_of_change`,
    how much of the change between the two drawings the edit makes (the projection on it), and `share_possible`, how
    much their reconstructions make; `seen_edited`, `seen_possible` and `seen_in_drawings`, how often the judge sees the
    label in each.

    Source: beyond the paper.

    Args:
        embedding: `(batch, labels, k)`.
        reconstruction: images computed from `embedding`, `(batch, channels, height, width)`.
        attributes: `(batch, labels)`, a field of the data.
        target: the decoder's target images.
        image: the images that the embedding is computed from, of a data set with a method `redrawn(index, attribute)`,
            such as `avatars`.
        judge: a run on the same data, with a tensor `probability` `(batch, labels)` read from `image`.
        scale: factor on the rows that are added.
        count: most test images for each label.
        pictures: how many labels to show.
        generator: source of the draws.
    """
    redrawn, places = _redrawing(embedding.run)
    bench = Bench(embedding, reconstruction, attributes, judge, generator or torch.Generator().manual_seed(0))
    low, high = embedding.run.value_range
    cases = []
    for label in bench.editable:
        if not bench.absent[:, label].any():
            continue
        edit = bench.add(label, scale, count)
        drawn = [redrawn(int(places[row]), bench.names[label]) for row in edit.rows]
        there = torch.tensor([drawing is not None for drawing in drawn])
        if not there.any():
            continue
        pixels = torch.from_numpy(np.stack([drawing for drawing in drawn if drawing is not None]))
        anew = low + (high - low) * (pixels.float() / 255)
        codes, chosen = embedding.given(**{image.name: anew}), edit.rows[there]
        truth = target.given(**{image.name: anew})
        others = [bench.verdict(codes), judge.tensor("probability").given(image=anew)]
        cases.append(
            Case(
                label,
                truth=truth,
                possible=bench.images(codes),
                edited=bench.images(edit.codes[there]),
                before=bench.images(bench.codes[chosen]),
                change=truth - target.at("test", chosen),
                seen=torch.stack([edit.shows[there], *(one[:, label] > 0.5 for one in others)]),
            )
        )
    if not cases:
        raise ValueError("no test image can be drawn with a label that it lacks")
    names = [shown(bench.names[case.label]) for case in cases]
    numbers = [case.numbers() for case in cases]
    figures = dict(zip(FIGURES, torch.tensor(numbers).nanmean(0).tolist(), strict=True))
    images = [len(case.truth) for case in cases]
    rows: list[tuple[str | float, ...]] = [("mean of the labels", mean(images), *figures.values())]
    rows += [(name, count, *row) for name, count, row in zip(names, images, numbers, strict=True)]
    table = Table(
        "Labels added, beside the same images drawn with the label",
        ("label", "images", *(figure.replace("_", " ") for figure in FIGURES)),
        rows,
        caption="Squared errors compare with the drawing that has the label. Before: the reconstruction without the "
        "label. Possible: the reconstruction of that drawing. Share of change: the edit, projected on the change "
        "between the drawings.",
    )
    summary = (
        f"the edit makes {figures['share_of_change']:.2f} of the true change (possible: "
        f"{figures['share_possible']:.2f}); the judge sees the label in {figures['seen_edited']:.1%} (possible: "
        f"{figures['seen_possible']:.1%})"
    )
    return Result(figures, {}, [table], [_grid(cases, names, pictures, (low, high))], summary)


@before_training(true_edits)
def _before_training(*inputs: Any, **options: Any) -> None:
    """Raise ValueError if the data set can't draw an image again."""
    _redrawing(inputs[0].run)


def _redrawing(run: Any) -> tuple[Redrawn, Tensor]:
    """Return the function that draws an image of the run's data set again, and the numbers of its test images in it,
    int64.

    Raises ValueError if the data set has none.
    """
    redrawn = getattr(run.plan.dataset, "redrawn", None)
    if redrawn is None:
        raise ValueError("the data set has no method `redrawn(index, attribute)`; drawn faces (`avatars`) have it")
    return redrawn, run.data.rows("test")


def _grid(cases: list[Case], names: list[str], columns: int, value_range: tuple[float, float]) -> Picture:
    """Draw labels spread evenly over all of them, each on its own image."""
    spread = torch.linspace(0, len(cases) - 1, min(columns, len(cases))).round().long().tolist()
    chosen = [(cases[index], column % len(cases[index].truth)) for column, index in enumerate(spread)]
    images = [
        torch.stack([case.truth[place] - case.change[place] for case, place in chosen]),
        *(
            torch.stack([getattr(case, name)[place] for case, place in chosen])
            for name in ("truth", "possible", "edited")
        ),
    ]
    return image_grid(
        "True edits",
        images,
        row_labels=["image", "drawn with the label", "its reconstruction", "edited"],
        column_labels=[f"+ {names[index]}" for index in spread],
        value_range=value_range,
        caption="Test images in order, unselected. The edit does not use the drawing with the label.",
    )
