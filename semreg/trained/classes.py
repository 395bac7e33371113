"""Tools that evaluations of codes by class share: checks of inputs, random test pairs, an independent
judge's verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from einops import pack, rearrange, reduce, unpack
from torch import Tensor

from semreg.core import ClassField, Handle, ImageField, Table, TrainedRun
from semreg.trained.rows import BATCH, gathered

CHUNK = BATCH
"""How many codes are decoded and judged at once."""


def class_field(label: Handle) -> ClassField:
    """Return the names and the order of the classes. Raises ValueError if the tensor is not a field of classes."""
    if not isinstance(label.field, ClassField):
        raise ValueError(f"{label.name!r} is not a field of classes in the data")
    return label.field


def read_codes(
    code: Handle, split: str, *, count: int | None = None, draws: bool = False, flat: bool = False
) -> Tensor:
    """Return the codes `(rows, code)` of a split, random as in training with `draws`; `flat` flattens spatial codes.

    Raises ValueError if they are not vectors, or not finite.
    """
    codes = code.read(split, count=count, draws=draws)
    if not isinstance(codes, Tensor):
        kind = type(codes).__name__
        raise ValueError(f"{code.name!r} is a {kind}; codes (batch, code) are needed, such as posterior_mean of it")
    if codes.ndim < 2 or (codes.ndim > 2 and not flat):
        raise ValueError(
            f"{code.name!r} must be codes (batch, code); an image of it has shape {tuple(codes.shape[1:])}"
        )
    codes = rearrange(codes, "rows ... -> rows (...)")
    bad = int((~codes.isfinite()).any(1).sum())
    if bad:
        raise ValueError(f"{code.name!r} is not finite for {bad} of the {len(codes)} {split} images")
    return codes


def vary(codes: Tensor) -> bool:
    """Return whether codes `(rows, code)` differ by more than rounding; equal codes have no map."""
    spread, size = (codes - codes[:1]).abs().amax(), codes.abs().amax()
    return bool(spread > 1e-6 * size)


def image_batches(image: Handle, split: str, *, count: int | None = None) -> Iterator[Tensor]:
    """Yield the images `(batch, channels, height, width)` of a split in batches, clipped to the recipe's range.

    Raises ValueError if they are not images, not finite, or not one for each of the data's images.
    """
    there = image.run.counts[split] or image.run.counts["test"]  # a run judged on "validation" has only this
    rows = there if count is None else min(count, there)
    low, high = image.run.value_range
    done = 0
    for images in image.batches(split, count=count):
        if not isinstance(images, Tensor) or images.ndim != 4:
            found = f"shape {tuple(images.shape[1:])}" if isinstance(images, Tensor) else type(images).__name__
            raise ValueError(f"{image.name!r} must be images (batch, channels, height, width); one of it has {found}")
        bad = reduce(~images.isfinite(), "rows channels height width -> rows", "any").nonzero().flatten()
        if len(bad):
            raise ValueError(f"{image.name!r} is not finite for some {split} images, the first of them {done + bad[0]}")
        done += len(images)
        yield images.clamp(low, high)
    if done != rows:
        raise ValueError(f"{image.name!r} has {done} rows for {rows} {split} images; it needs one for each")


def read_images(image: Handle, split: str, *, count: int | None = None) -> Tensor:
    """Return the images of a split as `image_batches` does, all at once; use a `count` for a large set."""
    return torch.cat(list(image_batches(image, split, count=count)))


def require_two_classes(labels: Tensor, field: ClassField) -> None:
    """Raise ValueError if all training images are of one class: there is nothing to tell apart."""
    if not (labels != labels[0]).any():
        raise ValueError(f"all training images are of class {field.names[int(labels[0])]!r}; at least two are needed")


def accuracies(right: Tensor, labels: Tensor, field: ClassField) -> Table:
    """Return the share of test images that are right `(rows,)`, for each class."""
    rows = []
    for value, name in enumerate(field.names):
        of_class = right[labels == value]
        rows.append((name, len(of_class), float(of_class.float().mean()) if len(of_class) else None))
    return Table("Accuracy by class", ("class", "test images", "accuracy"), rows)


def rows_by_class(labels: Tensor, classes: int) -> list[Tensor]:
    """Return the rows of each class, int64, ascending; empty for a class without rows."""
    return [(labels == value).nonzero().flatten() for value in range(classes)]


def draw_pairs(
    members: Sequence[Tensor], between: Sequence[tuple[int, int]], count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw `count` random pairs of rows: the two classes from `between`, uniformly, and a random row of each class.

    Returns the first rows, the second rows and the index into `between`, int64 `(count,)` each.
    """
    chosen = torch.randint(len(between), (count,), generator=generator)
    chances = torch.rand(2, count, generator=generator, dtype=torch.float64)
    rows = torch.empty(2, count, dtype=torch.int64)
    for index, classes in enumerate(between):
        drawn = chosen == index
        for side, value in enumerate(classes):
            rows[side, drawn] = members[value][(chances[side, drawn] * len(members[value])).long()]
    return rows[0], rows[1], chosen


def decoded(reconstruction: Handle, code: Handle | Sequence[Handle], codes: Tensor) -> Tensor:
    """Return the images of codes `(rows, code)`, as `synthesised` does; several codes are side by side in `codes`."""
    if not isinstance(code, Sequence):
        return synthesised(reconstruction, {code.name: codes})
    parts = torch.split(codes, [one.read(count=1).shape[1] for one in code], dim=1)
    return synthesised(reconstruction, {one.name: part for one, part in zip(code, parts, strict=True)})


def synthesised(reconstruction: Handle, codes: Mapping[str, Tensor]) -> Tensor:
    """Return the images of codes `(rows, ...)`, by the names of their tensors, clipped to the recipe's range.

    Raises ValueError if the reconstruction needs more than these codes.
    """
    low, high = reconstruction.run.value_range
    images: Tensor = reconstruction.given(**codes)
    return images.clamp(low, high)


def judge_sees(judge: TrainedRun, name: str, images: Tensor) -> Tensor:
    """Return a tensor of an independent classifier for images `(rows, channels, height, width)`, which it reads as its
    `image`.

    Raises ValueError if it reads images of another shape.
    """
    read = judge.tensor("image").field
    if not isinstance(read, ImageField) or images.shape[1:] != (read.channels, read.height, read.width):
        found = tuple(images.shape[1:])
        raise ValueError(f"the judge reads the data's images, {read}; the decoder's have shape {found}")
    seen: Tensor = judge.tensor(name).given(image=images)
    return seen


def probabilities(judge: TrainedRun, images: Tensor, field: ClassField, *, tensor: str = "probability") -> Tensor:
    """Return the probability of each class in images `(rows, channels, height, width)` by an independent classifier.

    This is the judge's tensor of that name, `(rows, classes)`. Raises ValueError if it has other classes, or reads
    images of another shape.
    """
    probability = judge_sees(judge, tensor, images)
    if probability.shape != (len(images), len(field.names)):
        found = tuple(probability.shape)
        raise ValueError(f"the judge's {tensor} must be (rows, {len(field.names)} classes), found {found}")
    return probability


def verdicts(judge: TrainedRun, images: Tensor, field: ClassField) -> Tensor:
    """Return the class that an independent classifier sees in each image `(rows, channels, height, width)`, int64
    `(rows,)`.

    Raises ValueError if it has other classes, or reads images of another shape.
    """
    return probabilities(judge, images, field).argmax(1)


def judged(
    judge: TrainedRun, reconstruction: Handle, code: Handle | Sequence[Handle], codes: Tensor, field: ClassField
) -> Tensor:
    """Return the class that the judge sees in the image of each code, `codes.shape[:-1]`; images are
    decoded in parts."""
    rows, shapes = pack([codes], "* code")
    seen = (verdicts(judge, decoded(reconstruction, code, part), field) for part in torch.split(rows, CHUNK))
    found: Tensor = unpack(gathered(seen, len(rows)), shapes, "*")[0]
    return found
