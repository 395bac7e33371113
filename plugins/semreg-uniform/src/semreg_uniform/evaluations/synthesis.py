"""Synthesis of all classes of one attribute from images of one of them (Table IV, Figure 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import torch
from annotated_types import Gt
from torch import Tensor

from semreg.core import ClassField, Handle, Picture, Reads, Result, Role, Table, TrainedRun, closest
from semreg.pictures import image_grid
from semreg.trained import (
    CHUNK,
    Gathered,
    before_training,
    better,
    feature_extractors,
    features_of,
    frechet_distance,
    picked,
    regrouped,
    rows_by_class,
    selected,
    synthesised,
)
from semreg_uniform.evaluations.common import (
    Attributes,
    agreement,
    attributes_of,
    check_names,
    draw_rows,
    kept,
    seen_in,
    seen_in_all,
)

AVERAGED = 1024
"""How many codes are averaged at once; the mean of more is that of such parts."""


@better(
    higher=["accuracy", "accuracy_by_images", "kept_*"],
    lower=["distance_*"],
    units={"accuracy*": "share", "kept_*": "share", "judge_on_images": "share"},
)
def expression_synthesis(
    image: Annotated[Handle, Role.INPUT],
    reconstruction: Annotated[Handle, Role.OUTPUT],
    *codes_and_labels: Annotated[Handle, Role.REST, Role.CODE, Role.LABEL],
    judge: Annotated[TrainedRun, Reads("probability_{label}")],
    attribute: str = "expression",
    start: str | None = None,
    inception_weights: str | None = None,
    pictures: Annotated[int, Gt(0)] = 4,
    generator: torch.Generator | None = None,
) -> Result:
    """Translate test images of one class of an attribute to every class: accuracy of a judge, and FID (Table IV).

    `expression_synthesis(image, x_f, z_0, *z_{m}, *{m})`. The target is label-style, the mean code E[z_m] of the
    training images of a class (section IV-C), or the code of a random test image of the class, with its intensity.

    Figures: `accuracy` and `accuracy_std`, mean and standard deviation over classes of the share of translated images
    seen as the class, by mean codes; `accuracy_by_images`, `accuracy_by_images_std` likewise by images' codes;
    `kept_NAME` and `kept_by_images_NAME`, for each other attribute, the share that is still seen as the input's class
    (a judge that was not trained on the people in the test can't recognise their identity); `judge_on_images`, the
    judge's accuracy on the test images themselves; `distance_judge` and `distance_judge_by_images`, the Fréchet
    distance of all translated images from all test images by the judge's features, and with `inception_weights`
    `distance_inception…`, as in the evaluation `fid`.

    Args:
        image: the data's images.
        reconstruction: images computed from only the codes, `(batch, channels, height, width)`.
        codes_and_labels: z_0, if there is one, the code of each attribute `(batch, ...)`, and as many labels.
        judge: a run with a tensor `probability_NAME` `(batch, classes)` read from `image` for each attribute; the
            paper's is trained on the training images. And a tensor `features`, as in `fid`.
        attribute: whose classes are synthesised.
        start: the class of the images that are translated; by default the first.
        inception_weights: the file of Inception's weights that torch-fidelity takes.
        pictures: how many of them are shown, the first ones.
        generator: source of the target images.
    """
    attributes = attributes_of("expression_synthesis(image, x_f, z_0, *codes, *labels)", codes_and_labels)
    field = attributes.field(attribute)
    labels = attributes.read_labels("test")
    members = rows_by_class(labels[attribute], len(field.names))
    inputs = members[_start(field, start, members)]
    targets = {
        "mean code": _mean_codes(attributes, attribute),
        "image's code": _codes_of_images(attributes, attribute, members, len(inputs), generator),
    }
    codes, code = attributes.read("test", inputs), attributes.codes[attribute].name
    own = {name: label[inputs] for name, label in labels.items()}
    extractors = feature_extractors(judge, reconstruction.run, inception_weights)
    of_originals = features_of(image.batches("test"), extractors)
    figures: dict[str, float] = {}
    shares: dict[str, dict[int, float]] = {}
    first: dict[str, dict[int, Tensor]] = {}
    for (kind, of_classes), suffix in zip(targets.items(), ("", "_by_images"), strict=True):
        translations = _Translations(
            {value: _translated(reconstruction, codes, code, target) for value, target in of_classes.items()},
            lambda images: seen_in(judge, images, attributes),
            pictures,
        )
        features = features_of(regrouped(translations, CHUNK), extractors)
        seen = {
            value: agreement(verdicts, own | {attribute: torch.full_like(inputs, value)})
            for value, verdicts in translations.seen.items()
        }
        first[kind] = translations.first
        shares[kind] = {value: as_wanted.pop(attribute) for value, as_wanted in seen.items()}
        figures |= _accuracy(list(shares[kind].values()), suffix) | kept(list(seen.values()), suffix)
        for name, of_all in features.items():
            figures[f"distance_{name}{suffix}"] = frechet_distance(of_all, of_originals[name])
    on_images = seen_in_all(judge, image.batches("test"), attributes)
    figures["judge_on_images"] = agreement(on_images, labels)[attribute]
    table = Table(
        f"{attribute.capitalize()} synthesised from {field.names[int(labels[attribute][inputs[0]])]}",
        ("class", *shares),
        [(name, *(share.get(value) for share in shares.values())) for value, name in enumerate(field.names)],
        caption=f"Share of {len(inputs)} translated test images that the judge sees as the class. It sees "
        f"{figures['judge_on_images']:.1%} of the test images as labelled.",
    )
    originals = image.at("test", inputs[:pictures])
    grids = [
        _grid(f"{attribute.capitalize()} by the {kind}", originals, made, field, reconstruction)
        for kind, made in first.items()
    ]
    summary = f"{attribute} synthesised: {figures['accuracy']:.1%} by mean codes, "
    summary += f"{figures['accuracy_by_images']:.1%} by images' codes; Fréchet distance by the judge's features "
    summary += f"{figures['distance_judge']:.3f} and {figures['distance_judge_by_images']:.3f}"
    return Result(figures, {}, [table], grids, summary)


def _start(field: ClassField, start: str | None, members: list[Tensor]) -> int:
    name = field.names[0] if start is None else start
    if name not in field.names:
        raise ValueError(f"start: there is no class {name!r}{closest(name, field.names)}")
    value = field.names.index(name)
    if not len(members[value]):
        raise ValueError(f"no test image is of class {name!r}")
    return value


class _Translations:
    """The images of classes, one class after the other and in batches; the judge sees each as it passes.

    `seen` are the verdicts on the images of each class, by attribute, and `first` the first images of each.
    """

    def __init__(
        self, images: Mapping[int, Iterable[Tensor]], see: Callable[[Tensor], dict[str, Tensor]], pictures: int
    ) -> None:
        self._images, self._see, self._pictures = images, see, pictures
        self.seen: dict[int, dict[str, Tensor]] = {}
        self.first: dict[int, Tensor] = {}

    def __iter__(self) -> Iterator[Tensor]:
        for value, batches in self._images.items():
            seen: dict[str, Gathered] = {}
            for images in batches:
                if not seen:
                    self.first[value] = images[: self._pictures].clone()
                for name, verdicts in self._see(images).items():
                    seen.setdefault(name, Gathered()).add(verdicts)
                yield images
            self.seen[value] = {name: verdicts.value for name, verdicts in seen.items()}


def _translated(
    reconstruction: Handle, codes: Mapping[str, Tensor], code: str, target: Callable[[], Tensor]
) -> Iterator[Tensor]:
    """Yield the images of codes with that of one attribute from `target`, in batches."""
    whole = {**codes, code: target().expand_as(codes[code])}
    for start in range(0, len(whole[code]), CHUNK):
        yield synthesised(reconstruction, {name: values[start : start + CHUNK] for name, values in whole.items()})


def _mean_codes(attributes: Attributes, attribute: str) -> dict[int, Callable[[], Tensor]]:
    """Return functions of E[z_m] over the training images of each class that has any, `(1, ...)`."""
    labels = attributes.labels[attribute].read("train")
    members = rows_by_class(labels, len(attributes.field(attribute).names))

    def mean(rows: Tensor) -> Tensor:
        parts = regrouped(picked(attributes.codes[attribute].batches("train"), rows), AVERAGED)
        return torch.stack([part.mean(0, keepdim=True) * (len(part) / len(rows)) for part in parts]).sum(0)

    return {value: partial(mean, rows) for value, rows in enumerate(members) if len(rows)}


def _codes_of_images(
    attributes: Attributes, attribute: str, members: Sequence[Tensor], count: int, generator: torch.Generator | None
) -> dict[int, Callable[[], Tensor]]:
    """Return functions of the codes of random test images of each class that has any, `(count, ...)`."""
    generator = generator or torch.Generator().manual_seed(0)
    drawn = {value: draw_rows(rows, count, generator) for value, rows in enumerate(members) if len(rows)}
    code = attributes.codes[attribute]
    return {value: partial(lambda rows: selected(code.batches("test"), rows), rows) for value, rows in drawn.items()}


def _accuracy(shares: Sequence[float], suffix: str) -> dict[str, float]:
    of_classes = torch.tensor(shares)
    return {
        f"accuracy{suffix}": float(of_classes.mean()),
        f"accuracy{suffix}_std": float(of_classes.std(correction=0)),
    }


def _grid(
    title: str, originals: Tensor, made: Mapping[int, Tensor], field: ClassField, reconstruction: Handle
) -> Picture:
    """Draw the first inputs, a row each, and beside each its translations, class by class."""
    return image_grid(
        title,
        [[original, *(images[row] for images in made.values())] for row, original in enumerate(originals)],
        column_labels=["input", *(field.names[value] for value in made)],
        value_range=reconstruction.run.value_range,
        caption="The first test images of the class, unselected.",
    )


@before_training(expression_synthesis)
def _before_training(
    image: Handle, reconstruction: Handle, *codes_and_labels: Handle, attribute: str, **options: Any
) -> None:
    """Raise ValueError for attributes that do not exist, or have too few classes."""
    check_names("expression_synthesis(image, x_f, z_0, *codes, *labels)", codes_and_labels, [attribute], classes=2)
