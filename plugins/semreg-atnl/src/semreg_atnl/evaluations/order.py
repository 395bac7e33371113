"""The order of classes in the images between two test images (Figures 7 and 8, counted)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import torch
from annotated_types import Ge, Gt

from semreg.core import ClassField, Handle, Reads, Result, Role, Table, TrainedRun
from semreg.pictures import line_plot
from semreg.trained import (
    InterpolatorChoice,
    before_training,
    better,
    chosen_interpolators,
    class_field,
    draw_pairs,
    gathered,
    judged,
    prior_of,
    read_codes,
    rows_by_class,
    strips,
    verdicts,
)
from semreg_atnl.neighbors import class_distances

ONE_CLASS = "the test images are of one class; strips run between two"


class Shares(NamedTuple):
    """Shares of strips at one distance that pass the classes of the path, each a mean of zeros and ones."""

    in_order: float
    strictly: float
    between: float


@better(higher=["*_in_order*", "*_strictly*", "*_between*"], units={"*": "share"})
def semantic_order(
    code: Annotated[Handle, Role.CODE],
    label: Annotated[Handle, Role.LABEL, Role.ORDER],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    image: Annotated[Handle, Role.INPUT],
    *rest: Handle,
    judge: Annotated[TrainedRun, Reads("probability")],
    interpolators: Sequence[InterpolatorChoice] = ("linear",),
    pairs: Annotated[int, Gt(0)] = 200,
    images: Annotated[int, Ge(2)] = 14,
    generator: torch.Generator | None = None,
) -> Result:
    """Measure the share of strips whose images run through the classes in order, as an independent classifier sees
    them.

    For each distance between classes, `pairs` random pairs of test images whose classes are that far apart, the same
    for every interpolator. A strip's path is the classes between those of its ends, as the data order them, the shorter
    way round a ring. If both ways are equally long, either counts. With interpolators that follow the classes (those
    with a method `fit`, as `geodesic`, unless `follows_classes = False`), only the ascending one counts. A path through
    the directions of the classes is in part in order by construction: compare it on other codes.

    Figures, for each interpolator NAME and distance D, and their means over the distances without `_D`:
    `NAME_in_order_D`, the share of strips whose labels contain the whole path, endpoints included, in order, with any
    labels in between; `NAME_strictly_D`, without others: repeats removed, the labels are the path; `NAME_between_D`,
    the path without its endpoints (all strips, at distance 1). Upper limits in practice: `judge_on_images` and
    `judge_on_reconstructions`, the judge's accuracy on test images and on their reconstructions.

    Args:
        code: `(batch, code)`.
        label: a field of classes in a ring or a line.
        reconstruction: images computed from `code`, `(batch, channels, height, width)`.
        image: the data's images.
        rest: further codes `(batch, code)` that `reconstruction` is computed from; a strip is of all, side by side.
        judge: a run on the same data with a tensor `probability` `(batch, classes)` read from `image`.
        interpolators: names, or tables with `use` and options.
        pairs: how many at each distance.
        images: how many to a strip, endpoints included; more than a path has classes.
        generator: source of the draw of pairs.
    """
    field = class_field(label)
    longest = _longest(field, images)
    parts = (code, *rest)
    known, codes = (torch.cat([read_codes(part, split) for part in parts], 1) for split in ("train", "test"))
    prior = None if rest else prior_of(code)
    paths = chosen_interpolators(interpolators, known, label.read("train"), field.order, prior=prior)
    labels = label.read("test")
    members = rows_by_class(labels, len(field.names))
    generator = generator or torch.Generator().manual_seed(0)
    found: dict[tuple[str, int], Shares] = {}
    for distance in range(1, longest + 1):
        between = [ends for ends in _at_distance(field, distance) if all(len(members[value]) for value in ends)]
        if not between:
            continue
        first, second, drawn = draw_pairs(members, between, pairs, generator)
        for name, path in paths.items():
            seen = judged(judge, reconstruction, parts, strips(path, codes[first], codes[second], images), field)
            ascending = getattr(path, "follows_classes", hasattr(path, "fit"))
            ways = [_ways(*ends, field, ascending=ascending) for ends in between]
            found[name, distance] = _shares(seen.tolist(), [ways[index] for index in drawn.tolist()])
    if not found:
        raise ValueError(ONE_CLASS)
    figures = {
        f"{name}_{measure}_{distance}": share
        for (name, distance), shares in found.items()
        for measure, share in shares._asdict().items()
    }
    for name in paths:
        for measure in Shares._fields:
            shares = [getattr(value, measure) for (other, _), value in found.items() if other == name]
            figures[f"{name}_{measure}"] = sum(shares) / len(shares)
    on_images = gathered((verdicts(judge, images, field) for images in image.batches("test")), len(labels))
    on_copies = judged(judge, reconstruction, parts, codes, field)
    figures["judge_on_images"], figures["judge_on_reconstructions"] = (
        float((seen == labels).float().mean()) for seen in (on_images, on_copies)
    )
    return _result(figures, found, list(paths), pairs, images)


def _longest(field: ClassField, images: int) -> int:
    """Return the greatest distance between classes.

    Raises ValueError if they have no order, there is one class, or more than strips of so many images can show.
    """
    if field.order == "none":
        raise ValueError("these classes have no order; strips can be in order along a ring or a line")
    if len(field.names) < 2:
        raise ValueError(f"there is one class, {field.names[0]!r}; strips run between two")
    longest = len(field.names) // 2 if field.order == "ring" else len(field.names) - 1
    if images <= longest:
        raise ValueError(f"strips of {images} images cannot show {longest + 1} classes in order")
    return longest


@before_training(semantic_order)
def _before_training(
    code: Handle, label: Handle, reconstruction: Handle, image: Handle, *rest: Handle, images: int, **options: Any
) -> None:
    """Raise ValueError as `_longest` does, and for test images of one class."""
    _longest(class_field(label), images)
    if len(label.read("test").unique()) < 2:
        raise ValueError(ONE_CLASS)


def _at_distance(field: ClassField, distance: int) -> list[tuple[int, int]]:
    """Return the pairs of classes, in both directions, with so many steps between them."""
    classes = torch.arange(len(field.names))
    apart = class_distances(classes[:, None], classes, field.order, len(classes))
    return [(start, end) for start, end in (apart == distance).nonzero().tolist()]


def _ways(start: int, end: int, field: ClassField, *, ascending: bool) -> list[list[int]]:
    """Return the shortest paths of classes from one to another: two across a ring of an even number, unless
    `ascending`."""
    if field.order == "line":
        return [list(range(start, end + 1) if start <= end else range(start, end - 1, -1))]
    count = len(field.names)
    up, down = (end - start) % count, (start - end) % count
    ways = [[(start + step) % count for step in range(up + 1)], [(start - step) % count for step in range(down + 1)]]
    if up == down and not ascending:
        return ways
    return ways[:1] if up <= down else ways[1:]


def _shares(strips_seen: list[list[int]], ways: list[list[list[int]]]) -> Shares:
    in_order, strictly, between = (
        [any(test(seen, path) for path in paths) for seen, paths in zip(strips_seen, ways, strict=True)]
        for test in (_passes, _is_path, lambda seen, path: _passes(seen, path[1:-1]))
    )
    return Shares(*(sum(part) / len(part) for part in (in_order, strictly, between)))


def _passes(seen: list[int], path: list[int]) -> bool:
    """Return whether the path is a subsequence of the seen classes."""
    rest = iter(seen)
    return all(value in rest for value in path)


def _is_path(seen: list[int], path: list[int]) -> bool:
    """Return whether the seen classes, repeats removed, are the path."""
    return [value for index, value in enumerate(seen) if index == 0 or value != seen[index - 1]] == path


def _result(
    figures: dict[str, float], found: dict[tuple[str, int], Shares], names: list[str], pairs: int, images: int
) -> Result:
    table = Table(
        "Strips whose classes run in order, as an independent classifier sees them",
        ("interpolator", "distance", "in order", "strictly", "classes between in order"),
        [
            (name, distance, *shares)
            for (name, distance), shares in sorted(found.items(), key=lambda i: names.index(i[0][0]))
        ],
        caption=f"{pairs} random pairs of test images at each distance between classes, {images} images to a strip. A "
        "strip is in order if its labels contain every class from one end to the other, in order; strictly, if they "
        f"contain no other label. The judge classifies {figures['judge_on_images']:.1%} of the test images correctly, "
        f"and {figures['judge_on_reconstructions']:.1%} of their reconstructions.",
    )
    distances = sorted({distance for _, distance in found})
    plot = line_plot(
        "Strips in order, by distance between classes",
        {
            f"{name}, {said}": (distances, [getattr(found[name, distance], measure) for distance in distances])
            for name in names
            for measure, said in (("in_order", "in order"), ("strictly", "strictly"))
        },
        x_label="classes apart",
        y_label="share of strips",
    )
    shown = ", ".join(f"{name} {figures[f'{name}_in_order']:.1%} ({figures[f'{name}_strictly']:.1%})" for name in names)
    return Result(figures, {}, [table], [plot], f"in order (strictly), mean over distances: {shown}")
