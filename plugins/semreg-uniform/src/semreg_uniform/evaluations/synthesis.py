"""All classes of one attribute synthesised from images of one of them (Table IV, Figure 7)."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from semreg.data.specification import ClassField
from semreg.errors import closest
from semreg.evaluation.classes import rows_by_class, synthesised
from semreg.evaluation.result import Result, Table
from semreg.evaluation.samples import feature_extractors, frechet_distance
from semreg.report.pictures import image_grid
from semreg.runs.run import Handle, Run
from semreg_uniform.evaluations.common import agreement, attributes_of, draw_rows, kept, seen_in

KINDS = ("mean code", "image's code")


def expression_synthesis(
    image: Handle,
    reconstruction: Handle,
    *codes_and_labels: Handle,
    judge: Run,
    attribute: str = "expression",
    start: str | None = None,
    inception_weights: str | None = None,
    pictures: Annotated[int, Gt(0)] = 4,
    paper: float | None = None,
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
        paper: the paper's accuracy, shown beside ours.
        generator: source of the target images.
    """
    attributes = attributes_of("expression_synthesis(image, x_f, z_0, *codes, *labels)", codes_and_labels)
    field = attributes.field(attribute)
    labels = attributes.read_labels("test")
    members = rows_by_class(labels[attribute], len(field.names))
    inputs = members[_start(field, start, members)]
    code = attributes.codes[attribute]
    known = rows_by_class(attributes.labels[attribute].read("train"), len(field.names))
    codes = attributes.read("test", inputs)
    generator = generator or torch.Generator().manual_seed(0)
    own = {name: label[inputs] for name, label in labels.items()}
    shares: dict[str, list[float | None]] = {kind: [] for kind in KINDS}
    others: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    syntheses: dict[str, list[Tensor]] = {kind: [] for kind in KINDS}
    for value in range(len(field.names)):
        sources = {"mean code": known[value], "image's code": members[value]}
        for kind, rows in sources.items():
            if not len(rows):
                shares[kind].append(None)
                continue
            if kind == "mean code":
                target = code.read("train")[rows].mean(0, keepdim=True).expand(len(inputs), *codes[code.name].shape[1:])
            else:
                target = code.read("test")[draw_rows(rows, len(inputs), generator)]
            made = synthesised(reconstruction, codes | {code.name: target})
            right = agreement(seen_in(judge, made, attributes), own | {attribute: torch.full_like(inputs, value)})
            shares[kind].append(right.pop(attribute))
            others[kind].append(right)
            syntheses[kind].append(made)
    originals = image.read("test")
    extractors = feature_extractors(judge, reconstruction.run, inception_weights)
    figures: dict[str, float] = {}
    for kind, suffix in zip(KINDS, ("", "_by_images"), strict=True):
        there = torch.tensor([share for share in shares[kind] if share is not None])
        figures[f"accuracy{suffix}"] = float(there.mean())
        figures[f"accuracy{suffix}_std"] = float(there.std(correction=0))
        figures |= kept(others[kind], suffix)
        for name, features in extractors.items():
            distance = frechet_distance(features(torch.cat(syntheses[kind])), features(originals))
            figures[f"distance_{name}{suffix}"] = distance
    figures["judge_on_images"] = agreement(seen_in(judge, originals, attributes), labels)[attribute]
    table = Table(
        f"{attribute.capitalize()} synthesised from {field.names[int(labels[attribute][inputs[0]])]}",
        ("class", *KINDS),
        list(zip(field.names, *shares.values(), strict=True)),
        caption=f"Share of {len(inputs)} translated test images that the judge sees as the class. It sees "
        f"{figures['judge_on_images']:.1%} of the test images as labelled.",
    )
    grids = [
        image_grid(
            f"{attribute.capitalize()} by the {kind}",
            [[originals[row], *(made[at] for made in syntheses[kind])] for at, row in enumerate(inputs[:pictures])],
            column_labels=["input", *(n for n, s in zip(field.names, shares[kind], strict=True) if s is not None)],
            value_range=reconstruction.run.plan.value_range,
            caption="The first test images of the class, unselected.",
        )
        for kind in KINDS
    ]
    beside = "" if paper is None else f" (paper {paper:.2f})"
    summary = f"{attribute} synthesised: {figures['accuracy']:.1%} by mean codes{beside}, "
    summary += f"{figures['accuracy_by_images']:.1%} by images' codes; Fréchet distance by the judge's features "
    summary += f"{figures['distance_judge']:.3f} and {figures['distance_judge_by_images']:.3f}"
    return Result(figures, {} if paper is None else {"accuracy": paper}, [table], grids, summary)


def _start(field: ClassField, start: str | None, members: list[Tensor]) -> int:
    name = field.names[0] if start is None else start
    if name not in field.names:
        raise ValueError(f"start: there is no class {name!r}{closest(name, field.names)}")
    value = field.names.index(name)
    if not len(members[value]):
        raise ValueError(f"no test image is of class {name!r}")
    return value
