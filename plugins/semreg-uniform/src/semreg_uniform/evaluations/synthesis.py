"""All classes of one attribute synthesised from images of one of them (Table IV, Figure 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from annotated_types import Gt
from torch import Tensor

from semreg.core import ClassField, Handle, Picture, Reads, Result, Role, Table, TrainedRun, closest
from semreg.pictures import image_grid
from semreg.trained import before_training, better, feature_extractors, frechet_distance, rows_by_class, synthesised
from semreg_uniform.evaluations.common import (
    Attributes,
    agreement,
    attributes_of,
    check_names,
    draw_rows,
    kept,
    seen_in,
)


@better(higher=["accuracy", "accuracy_by_images", "kept_*"], lower=["distance_*"])
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
    """Test images of one class of an attribute translated to every class: accuracy of a judge, and FID (Table IV).

    `expression_synthesis(image, x_f, z_0, *z_{m}, *{m})`. The target is label-style, the mean code E[z_m] of the
    training images of a class (section IV-C), or the code of a random test image of the class, with its intensity.

    Figures: `accuracy` and `accuracy_std`, mean and standard deviation over classes of the share of translated images
    seen as the class, by mean codes; `accuracy_by_images`, `accuracy_by_images_std` likewise by images' codes;
    `kept_NAME` and `kept_by_images_NAME`, the share of which each other attribute is still seen as the input's (a judge
    that does not know the people of the test can't tell their identity); `judge_on_images`, the judge's accuracy on the
    test images themselves; `distance_judge` and `distance_judge_by_images`, the Fréchet distance of all translated
    images from all test images by the judge's features, and with `inception_weights` `distance_inception…`, as the
    evaluation `fid` has them.

    Args:
        image: the data's images.
        reconstruction: images computed from the codes alone, `(batch, channels, height, width)`.
        codes_and_labels: z_0, if there is one, the code of each attribute `(batch, ...)`, and as many labels.
        judge: a run with a tensor `probability_NAME` `(batch, classes)` read from `image` for each attribute; the
            paper's is trained on the training images. And a tensor `features`, as `fid` wants it.
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
    syntheses = {
        kind: {
            value: synthesised(reconstruction, codes | {code: target.expand_as(codes[code])})
            for value, target in of_classes.items()
        }
        for kind, of_classes in targets.items()
    }
    originals = image.read("test")
    own = {name: label[inputs] for name, label in labels.items()}
    extractors = feature_extractors(judge, reconstruction.run, inception_weights)
    of_originals = {name: features(originals) for name, features in extractors.items()}
    figures: dict[str, float] = {}
    shares: dict[str, dict[int, float]] = {}
    for (kind, made), suffix in zip(syntheses.items(), ("", "_by_images"), strict=True):
        seen = {
            value: agreement(seen_in(judge, images, attributes), own | {attribute: torch.full_like(inputs, value)})
            for value, images in made.items()
        }
        shares[kind] = {value: as_wanted.pop(attribute) for value, as_wanted in seen.items()}
        figures |= _accuracy(list(shares[kind].values()), suffix) | kept(list(seen.values()), suffix)
        every = torch.cat(list(made.values()))
        for name, features in extractors.items():
            figures[f"distance_{name}{suffix}"] = frechet_distance(features(every), of_originals[name])
    figures["judge_on_images"] = agreement(seen_in(judge, originals, attributes), labels)[attribute]
    table = Table(
        f"{attribute.capitalize()} synthesised from {field.names[int(labels[attribute][inputs[0]])]}",
        ("class", *shares),
        [(name, *(share.get(value) for share in shares.values())) for value, name in enumerate(field.names)],
        caption=f"Share of {len(inputs)} translated test images that the judge sees as the class. It sees "
        f"{figures['judge_on_images']:.1%} of the test images as labelled.",
    )
    grids = [
        _grid(f"{attribute.capitalize()} by the {kind}", originals[inputs[:pictures]], made, field, reconstruction)
        for kind, made in syntheses.items()
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


def _mean_codes(attributes: Attributes, attribute: str) -> dict[int, Tensor]:
    """E[z_m] over the training images of each class that has any, `(1, ...)`."""
    codes, labels = attributes.codes[attribute].read("train"), attributes.labels[attribute].read("train")
    members = rows_by_class(labels, len(attributes.field(attribute).names))
    return {value: codes[rows].mean(0, keepdim=True) for value, rows in enumerate(members) if len(rows)}


def _codes_of_images(
    attributes: Attributes, attribute: str, members: Sequence[Tensor], count: int, generator: torch.Generator | None
) -> dict[int, Tensor]:
    """The codes of random test images of each class that has any, `(count, ...)`."""
    codes = attributes.codes[attribute].read("test")
    generator = generator or torch.Generator().manual_seed(0)
    return {value: codes[draw_rows(rows, count, generator)] for value, rows in enumerate(members) if len(rows)}


def _accuracy(shares: Sequence[float], suffix: str) -> dict[str, float]:
    of_classes = torch.tensor(shares)
    return {
        f"accuracy{suffix}": float(of_classes.mean()),
        f"accuracy{suffix}_std": float(of_classes.std(correction=0)),
    }


def _grid(
    title: str, originals: Tensor, made: Mapping[int, Tensor], field: ClassField, reconstruction: Handle
) -> Picture:
    """The first inputs, a row each, and beside each what was made of it, class by class."""
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
    """Raises ValueError for attributes that there are not, or whose classes are too few."""
    check_names("expression_synthesis(image, x_f, z_0, *codes, *labels)", codes_and_labels, [attribute], classes=2)
