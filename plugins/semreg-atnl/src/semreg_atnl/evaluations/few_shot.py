"""Classification with few training images of some classes, with additional images interpolated between their neighbours
(Table II)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import torch
from annotated_types import Ge, Gt, Interval, MinLen
from torch import Tensor

from semreg.components.operations import augment
from semreg.core import ClassField, Handle, Picture, Result, Role, Table
from semreg.pictures import image_grid
from semreg.trained import (
    CHUNK,
    InterpolatorChoice,
    before_training,
    better,
    chosen_interpolators,
    class_field,
    decoded,
    draw_pairs,
    prior_of,
    read_codes,
    rows_by_class,
)
from semreg_atnl.evaluations.classifiers import convolutional, nearest_neighbors
from semreg_atnl.evaluations.neighbors import neighbors_of

FEW = 20
"""The most training images of a few-shot class."""
WEIGHTS = (0.4, 0.6)
"""The least and greatest weight of images between the neighbours of a class."""

Filling = Literal["without", "augmented", "interpolated", "both"]
FILLED: dict[Filling, tuple[str, ...]] = {
    "without": (),
    "augmented": ("augmented",),
    "interpolated": ("interpolated",),
    "both": ("augmented", "interpolated and augmented"),
}
"""The images that fill up the few-shot classes, in each of the comparisons."""


class Labelled(NamedTuple):
    """Images `(rows, channels, height, width)` and their classes, int64 `(rows,)`."""

    images: Tensor
    labels: Tensor

    def joined(self, others: list[Labelled]) -> Labelled:
        return Labelled(*(torch.cat(parts) for parts in zip(self, *others, strict=True)))


@better(higher=["knn_*", "cnn_*"], units={"*": "share"})
def few_shot(
    image: Annotated[Handle, Role.INPUT],
    code: Annotated[Handle, Role.CODE],
    label: Annotated[Handle, Role.LABEL],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    *,
    interpolator: InterpolatorChoice = "spherical",
    few: Annotated[int, Gt(0)] = FEW,
    count: Annotated[int, Gt(0)] = 1000,
    weights: tuple[Annotated[float, Interval(gt=0, lt=1)], Annotated[float, Interval(gt=0, lt=1)]] = WEIGHTS,
    fillings: Annotated[Sequence[Filling], MinLen(1)] = tuple(FILLED),
    neighbors: Annotated[int, Gt(0)] = 1,
    iterations: Annotated[int, Gt(0)] = 3000,
    pictures: Annotated[int, Ge(2)] = 10,
    generator: torch.Generator | None = None,
) -> Result:
    """Compare nearest neighbours and a convolutional network on classes with few images: plain, augmented,
    interpolated.

    Protocol. The run's own recipe leaves the few-shot classes only their shots, by `data.split.shots`: the other images
    are in no split, so that neither the encoder, nor a judge, nor this evaluation sees them. A class with at most `few`
    training images is a few-shot class. The classifiers are trained on the pixels of

    * `without`: the training images, unchanged;
    * `augmented`: the same, each few-shot class filled up to `count` by its own shots, scaled, brightened and cropped
      (the defaults of `augment`);
    * `interpolated`: the same, filled up instead by the decoder's images between random training images of its two
      neighbours, at a random weight within `weights`. An end class of a line has one neighbour and stays unchanged;
    * `both`: the same, filled up by either, each up to `count`; the images in between are augmented, too.

    The convolutional network sees all classes equally often. If images are made, it sees as many of each kind of every
    class as of its own images; classes with many images contribute augmented or reconstructed ones. Otherwise it would
    learn that synthetic images belong to a few-shot class. It is trained until its accuracy no longer rises on a fifth
    of the classes with more than `few` images (of all classes if there are none). These images are held out: no image
    is made of them. All classifiers are tested on all test images, which no training reads.

    Figures: the accuracies `knn_…` and `cnn_…` on test images with each of `fillings`, and with `_few` appended those
    on only the test images of the few-shot classes; with `without` among them also `knn_gain` and `cnn_gain`,
    `interpolated` minus `without`. Outcomes under the names of the accuracies. The paper gives neither shots nor
    protocol, and lacks `both`, for which interpolated images without augmentation worked worse with the network.

    Args:
        image: the data's images, which `reconstruction` reconstructs.
        code: `(batch, code)`.
        label: a field of classes in a ring or a line.
        reconstruction: images computed from `code`, of the shape of `image`.
        interpolator: a name, or a table with `use` and options.
        few: most training images of a few-shot class.
        count: training images of a few-shot class once it is filled up.
        weights: least and greatest weight of the interpolation.
        fillings: which of the four comparisons to make.
        neighbors: how many nearest neighbours vote.
        iterations: most batches of 64 images that the convolutional network is trained on.
        pictures: how many images of each kind to show.
        generator: source of all draws.
    """
    field = class_field(label)
    triples = {between: (before, after) for before, between, after in neighbors_of(field)}
    members = rows_by_class(label.read("train"), len(field.names))
    shots = _check(field, members, few, count, weights)
    train = Labelled(image.read("train"), label.read("train"))
    generator = generator or torch.Generator().manual_seed(0)
    codes = read_codes(code, "train")
    prior = prior_of(code)
    (path,) = chosen_interpolators([interpolator], codes, train.labels, field.order, prior=prior).values()
    value_range = code.run.value_range
    held_out = _held_out(members, shots, generator)
    kept = [rows[~torch.isin(rows, held_out)] for rows in members]  # held-out images are not used to make others
    many = torch.cat([kept[value] for value in range(len(kept)) if value not in shots] or [kept[0][:0]])
    made = {
        "augmented": [Labelled(_augmented(train.images[many], value_range, generator), train.labels[many])],
        "interpolated": [
            Labelled(_decoded(reconstruction, code, codes[many], image, train.images), train.labels[many])
        ],
    }
    for value in shots:
        missing = count - len(members[value])
        chosen = kept[value][torch.randint(len(kept[value]), (missing,), generator=generator)]
        made["augmented"].append(_of_class(value, _augmented(train.images[chosen], value_range, generator)))
        if value in triples:
            first, second, weight = draw_between(kept, triples[value], missing, weights, generator)
            between = path(codes[first], codes[second], weight)
            made["interpolated"].append(_of_class(value, _decoded(reconstruction, code, between, image, train.images)))
    made["interpolated and augmented"] = [
        Labelled(_augmented(part.images, value_range, generator), part.labels) for part in made["interpolated"]
    ]
    test = Labelled(image.read("test"), label.read("test"))
    outcomes: dict[str, list[bool]] = {}
    for name in fillings:
        kinds = [made[kind] for kind in FILLED[name]]
        filled = train.joined([part for parts in kinds for part in parts[1:]])
        votes = nearest_neighbors(*filled, test.images, neighbors=neighbors)
        outcomes[f"knn_{name}"] = (votes == test.labels).tolist()
        everything = train.joined([part for parts in kinds for part in parts])
        sizes = [len(train.labels), *(sum(len(part.labels) for part in parts) for parts in kinds)]
        verdicts = convolutional(
            *everything, chances(everything.labels, sizes, held_out), held_out, test.images,
            classes=len(field.names), iterations=iterations, device=code.run.device, generator=generator,
        )  # fmt: skip
        outcomes[f"cnn_{name}"] = (verdicts == test.labels).tolist()
    figures = _figures(outcomes, torch.isin(test.labels, torch.tensor(shots)))
    grid = _grid(field, train, made["augmented"][1:], made["interpolated"][1:], shots, pictures, value_range)
    said = ", ".join(f"{name} {figures[f'knn_{name}']:.1%} and {figures[f'cnn_{name}']:.1%}" for name in fillings)
    summary = f"few-shot by KNN and CNN: {said}"
    return Result(figures, {}, [_table(figures, field, members, shots, count)], [grid], summary, [], outcomes)


@before_training(few_shot)
def _before_training(
    image: Handle, code: Handle, label: Handle, reconstruction: Handle, *, few: int, count: int,
    weights: tuple[float, float], **options: Any,
) -> None:  # fmt: skip
    """Raise ValueError as `_check` does."""
    field = class_field(label)
    neighbors_of(field)
    _check(field, rows_by_class(label.read("train"), len(field.names)), few, count, weights)


def _check(field: ClassField, members: list[Tensor], few: int, count: int, weights: tuple[float, float]) -> list[int]:
    """Return the few-shot classes. Raises ValueError for none, classes without an image, and options that don't fit."""
    shots = [value for value, rows in enumerate(members) if len(rows) <= few]
    absent = [name for name, rows in zip(field.names, members, strict=True) if not len(rows)]
    if absent:
        raise ValueError(f"no training image is of class {', '.join(absent)}")
    if not shots:
        least = min(len(rows) for rows in members)
        raise ValueError(
            f"no class has few training images (at most few = {few}; the smallest has {least}); the run's own recipe "
            "leaves them out by data.split.shots, so that no training sees them"
        )
    if count <= few:
        raise ValueError(f"count is {count}, and a few-shot class may have {few} images already")
    if weights[0] > weights[1]:
        raise ValueError(f"weights {list(weights)} do not ascend")
    return shots


def draw_between(
    members: Sequence[Tensor],
    ends: tuple[int, int],
    count: int,
    weights: tuple[float, float],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw pairs of images of two classes for interpolation: rows of the first and of the second, int64 `(count,)`
    each, from `members`, the rows of each class; and weights `(count, 1)`, uniform between the two given."""
    first, second, _ = draw_pairs(members, [ends], count, generator)
    weight = weights[0] + (weights[1] - weights[0]) * torch.rand(count, 1, generator=generator)
    return first, second, weight


def _augmented(images: Tensor, value_range: tuple[float, float], generator: torch.Generator) -> Tensor:
    return augment(images, value_range=value_range, generator=generator)


def _decoded(reconstruction: Handle, code: Handle, codes: Tensor, image: Handle, images: Tensor) -> Tensor:
    """Return the decoder's images, `(rows, channels, height, width)`. Raises ValueError if they are not
    like `images`."""
    parts = [decoded(reconstruction, code, part) for part in torch.split(codes, CHUNK) if len(part)]
    if parts and parts[0].shape[1:] != images.shape[1:]:
        found, fit = tuple(parts[0].shape[1:]), tuple(images.shape[1:])
        raise ValueError(f"{reconstruction.name!r} has images {found}; those of {image.name!r} are {fit}")
    return torch.cat([images[:0], *parts])


def chances(labels: Tensor, sizes: Sequence[int], held_out: Tensor) -> Tensor:
    """Return how often each row is drawn, float64: all classes equally, and all kinds of a class, of `sizes` rows in
    turn.

    Rows that are `held_out` are never drawn.
    """
    drawn = torch.ones(len(labels), dtype=torch.float64).index_fill(0, held_out, 0)
    kinds = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    counts = torch.zeros(int(labels.max()) + 1, len(sizes), dtype=torch.float64)
    counts.index_put_((labels, kinds), drawn, accumulate=True)
    return drawn / (counts[labels, kinds] * (counts > 0).sum(1)[labels]).clamp(min=1)


def _held_out(members: list[Tensor], shots: list[int], generator: torch.Generator) -> Tensor:
    """Return a fifth of the training images of each class that isn't few-shot, or of all if all are: their
    rows, int64."""
    classes = [value for value in range(len(members)) if value not in shots] or shots
    return torch.cat(
        [
            rows[torch.randperm(len(rows), generator=generator)[: len(rows) // 5]]
            for rows in map(members.__getitem__, classes)
        ]
    )


def _of_class(value: int, images: Tensor) -> Labelled:
    return Labelled(images, torch.full((len(images),), value))


def _figures(outcomes: dict[str, list[bool]], few: Tensor) -> dict[str, float]:
    """Return the figures; `few` `(test,)` marks the test images of few-shot classes."""
    figures = {}
    for name, right in outcomes.items():
        figures[name] = float(torch.tensor(right).float().mean())
        figures[f"{name}_few"] = float(torch.tensor(right)[few].float().mean())
    for model in ("knn", "cnn"):
        if {f"{model}_interpolated", f"{model}_without"} <= set(outcomes):
            figures[f"{model}_gain"] = figures[f"{model}_interpolated"] - figures[f"{model}_without"]
    return figures


def _table(figures: dict[str, float], field: ClassField, members: list[Tensor], shots: list[int], count: int) -> Table:
    few = ", ".join(f"{field.names[value]} ({len(members[value])})" for value in shots)
    many = ", ".join(f"{name} ({len(members[value])})" for value, name in enumerate(field.names) if value not in shots)
    said = {"without": "no other images", "augmented": "classic augmentation", "interpolated": "interpolated images"}
    said["both"] = "both"
    return Table(
        "Accuracy on the test images, where some classes have few training images",
        ("filled up by", "KNN", "CNN", "KNN, few-shot classes", "CNN, few-shot classes"),
        [
            (text, *(figures[f"{model}_{name}{few}"] for few in ("", "_few") for model in ("knn", "cnn")))
            for name, text in said.items()
            if f"knn_{name}" in figures
        ],
        caption=f"Few-shot classes and their training images: {few}; new images fill each up to {count}. Other "
        f"classes: {many or 'none'}. No training, not even the encoder's, used another image of a few-shot class, or a "
        "test image. The paper states neither its number of shots nor the training data of its encoder.",
    )  # fmt: skip


def _grid(
    field: ClassField,
    train: Labelled,
    augmented: list[Labelled],
    interpolated: list[Labelled],
    shots: list[int],
    pictures: int,
    value_range: tuple[float, float],
) -> Picture:
    """Draw shots, augmented and interpolated images of the first few-shot class with interpolated images."""
    shown = int(interpolated[0].labels[0]) if interpolated else shots[0]
    kinds = {"shots": train, "augmented": augmented[shots.index(shown)]} | dict(
        zip(["interpolated"], interpolated, strict=False)
    )
    return image_grid(
        f"Training images of class {field.names[shown]}",
        [images[labels == shown][:pictures] for images, labels in kinds.values()],
        row_labels=list(kinds),
        value_range=value_range,
        caption="Unselected. The decoder makes interpolated images between training images of the two neighbours.",
    )
