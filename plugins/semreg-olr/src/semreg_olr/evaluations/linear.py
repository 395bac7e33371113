"""Section 4.1: a linear classifier on frozen embeddings."""

from __future__ import annotations

from typing import Annotated

import torch
from einops import rearrange
from torch import Tensor

from semreg.core import Handle, Picture, Result, Role, Table
from semreg.pictures import image_grid
from semreg.trained import better, read_attributes
from semreg_olr.evaluations.common import (
    PICTURED,
    Count,
    attributes_field,
    check_embedding,
    mean,
    shown,
    unknown_note,
)
from semreg_olr.statistics import LogisticRegression, fit_logistic_regression, majority_accuracy, scores


@better(
    higher=["linear", "ratio*", "*_linear"],
    units={"linear": "share", "convolutional": "share", "majority": "share", "balanced_*": "share"},
)
def linear_classifier(
    embedding: Annotated[Handle, Role.CODE],
    attributes: Annotated[Handle, Role.ATTRIBUTES],
    probability: Handle,
    image: Annotated[Handle, Role.INPUT],
    *,
    pictures: Count = 12,
) -> Result:
    """Compare a linear classifier on frozen embeddings with the convolutional classifier (section 4.1, Figure 3).

    One linear layer with a sigmoid per label reads all of the embedding; it is fitted on training images, with an L2
    penalty per label chosen on the validation split, or on a tenth of the training images if there is none. Both
    classifiers are compared on test images.

    Figures, means over labels: `linear` and `convolutional` label accuracy, their `ratio`, the `majority` guess of the
    training images, `ratio_above_majority` = (linear − majority) / (convolutional − majority), and of both the balanced
    accuracy and the average precision (over labels that have both values among the test images). The pictures are test
    images with a label that the convolutional classifier gets right and the linear one wrong, ordered by how sure the
    linear one is.

    Args:
        embedding: `(batch, labels, k)`.
        attributes: `(batch, labels)`, a field of the data.
        probability: the convolutional classifier's probabilities, `(batch, labels)`.
        image: the images to show, `(batch, channels, height, width)`.
        pictures: how many of them.
    """
    names = attributes_field(attributes).names
    check_embedding(embedding.read("test"), names, embedding.name)
    model = _fitted(embedding, attributes)
    labels, convolutional = read_attributes(attributes, "test"), probability.read("test")
    linear = model.probability(_vectors(embedding, "test"))
    majority = majority_accuracy(read_attributes(attributes), labels)
    ours, theirs = scores(linear, labels), scores(convolutional, labels)
    figures = {
        "linear": mean(ours.accuracy),
        "convolutional": mean(theirs.accuracy),
        "majority": mean(majority),
        "balanced_linear": mean(ours.balanced_accuracy),
        "balanced_convolutional": mean(theirs.balanced_accuracy),
        "average_precision_linear": mean(ours.average_precision),
        "average_precision_convolutional": mean(theirs.average_precision),
    }
    figures["ratio"] = figures["linear"] / figures["convolutional"]
    above = figures["convolutional"] - figures["majority"]
    figures["ratio_above_majority"] = (figures["linear"] - figures["majority"]) / above if above > 0 else torch.nan
    means = Table(
        "Both classifiers on test images, means over labels",
        ("", "label accuracy", "balanced accuracy", "average precision"),
        [
            ("majority guess", figures["majority"], 0.5, mean(labels.nanmean(0))),
            *(
                (name, figures[name], figures[f"balanced_{name}"], figures[f"average_precision_{name}"])
                for name in ("convolutional", "linear")
            ),
            ("linear / convolutional", figures["ratio"], None, None),
            ("the same above the majority guess", figures["ratio_above_majority"], None, None),
        ],
        caption="linear: one linear layer on frozen embeddings. Balanced accuracy and average precision: over labels "
        "that have both values among the test images." + unknown_note(attributes, "these count nowhere"),
    )
    columns = [labels.nanmean(0), majority]
    columns += [column for pair in zip(theirs, ours, strict=True) for column in pair]
    each = Table(
        "Both classifiers, label by label",
        ("label", "present", "majority", "convolutional", "linear", "balanced convolutional", "balanced linear",
         "average precision convolutional", "average precision linear"),
        [(shown(name), *row) for name, row in zip(names, torch.stack(columns, 1).tolist(), strict=True)],
    )  # fmt: skip
    summary = (
        f"4.1 linear {figures['linear']:.3f} / convolutional {figures['convolutional']:.3f} = {figures['ratio']:.3f}"
        + (f"; above the majority guess {figures['ratio_above_majority']:.2f}" if above > 0 else "")
    )
    cases = _disagreements(linear[:PICTURED], convolutional[:PICTURED], labels[:PICTURED], pictures)
    grids = [_figure_3(image, cases, labels, names)] if cases else []
    return Result(figures, {}, [means, each], grids, summary)


def _vectors(embedding: Handle, split: str) -> Tensor:
    """Return the embeddings of a split, the rows of each image joined, `(images, labels·k)`."""
    embeddings: Tensor = embedding.read(split)
    return rearrange(embeddings, "images labels k -> images (labels k)")


def _fitted(embedding: Handle, attributes: Handle) -> LogisticRegression:
    """Fit the classifier on the run's device: at CelebA's size a CPU would take minutes."""
    codes, labels = _vectors(embedding, "train"), read_attributes(attributes)
    if embedding.run.counts["validation"]:
        parts = [codes, labels, _vectors(embedding, "validation"), read_attributes(attributes, "validation")]
    else:
        held_out = torch.arange(len(codes)) % 10 == 9
        parts = [codes[~held_out], labels[~held_out], codes[held_out], labels[held_out]]
    fitted = fit_logistic_regression(*(part.to(embedding.run.device) for part in parts))
    return LogisticRegression(*(part.cpu() for part in fitted))


def _disagreements(linear: Tensor, convolutional: Tensor, labels: Tensor, count: int) -> list[tuple[int, int]]:
    """Return images and labels that only the convolutional classifier gets right, without repeating either."""
    present = labels > 0.5
    missed = ((convolutional > 0.5) == present) & ((linear > 0.5) != present) & ~labels.isnan()
    sureness = (linear - 0.5).abs() * missed
    chosen: list[tuple[int, int]] = []
    while len(chosen) < count and bool((sureness > 0).any()):
        image, label = divmod(int(sureness.argmax()), labels.shape[1])
        chosen.append((image, label))
        sureness[image], sureness[:, label] = 0, 0
    return chosen


def _figure_3(image: Handle, cases: list[tuple[int, int]], labels: Tensor, names: tuple[str, ...]) -> Picture:
    return image_grid(
        "Labels that only the convolutional classifier finds",
        [image.at("test", torch.tensor([case for case, _ in cases]))],
        column_labels=[("" if labels[case, label] > 0.5 else "not ") + shown(names[label]) for case, label in cases],
        value_range=image.run.value_range,
        caption="Test images on which the convolutional classifier agrees with the data and the linear classifier on "
        "embeddings does not; for each label the image on which the linear classifier is most sure.",
    )
