"""The quality of generated images: for a classifier trained on real ones, and as a distance from real ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from semreg.core import ClassField, Handle, Picture, Reads, Result, Role, Table, TrainedRun
from semreg.pictures import image_grid
from semreg.trained import (
    Gathered,
    better,
    class_field,
    feature_extractors,
    features_of,
    frechet_distance,
    gathered,
    image_batches,
    judge_sees,
    probabilities,
    rows_by_class,
    selected,
)

MOST_ROWS = 20
"""The most classes in a picture."""
NAMES = {"judge": "the judge", "inception": "Inception"}


@better(
    higher=["inception_score", "recognised"],
    units={"inception_score*": "classes", "recognised": "share", "judge_accuracy": "share", "images": "images"},
)
def inception_score(
    generated: Annotated[Handle, Role.SAMPLE],
    label: Annotated[Handle | None, Role.LABEL] = None,
    *,
    judge: Annotated[TrainedRun, Reads("probability")],
    count: Annotated[int, Gt(0)] | None = None,
    pictures: Annotated[int, Gt(0)] = 12,
) -> Result:
    """Compute the Inception Score of generated images with a classifier trained on the real ones.

    Source: Salimans et al., *Improved Techniques for Training GANs* (2016). Zheng and Sun (2019), Table 1.

    The score is exp(E KL(p(y|x) ‖ p(y))), from 1 to the number of classes. Scores of different classifiers can't be
    compared. The result therefore also has the score of the real test images, which good samples approach (and may
    exceed).

    Figures: `inception_score`, of the generated images; `inception_score_real`; `images`, how many were generated. With
    `label`: `recognised`, the share of generated images for which the judge predicts the class that they were drawn
    for, and `judge_accuracy`, its accuracy on the real test images.

    Args:
        generated: images computed for each test image, by draws from priors, `(batch, channels, height, width)`.
        label: the field of classes that they are drawn for; left out if they are drawn for none.
        judge: a run on the same data with a tensor `probability` `(batch, classes)` read from `image`.
        count: how many images, generated and real: the first of the test split (all by default).
        pictures: how many images of each class to show.
    """
    field = None if label is None else class_field(label)
    labels = None if label is None else label.read("test", count=count)
    members = [] if field is None or labels is None else rows_by_class(labels, len(field.names))
    shown = [value for value, of_class in enumerate(members) if len(of_class)][:MOST_ROWS]
    first = torch.arange(min(3 * pictures, count or generated.run.counts["test"], generated.run.counts["test"]))
    pictured = [members[value][:pictures] for value in shown] or list(torch.split(first, pictures))
    made = Gathered()

    def judged() -> Iterator[Tensor]:
        for images in image_batches(generated, "test", count=count):
            made.add(_seen(judge, images, field))
            yield images

    chosen: Tensor = selected(judged(), torch.cat(pictured))
    images = torch.split(chosen, [len(rows) for rows in pictured])
    real = gathered(_seen(judge, images, field) for images in image_batches(judge.tensor("image"), "test", count=count))
    seen: dict[str, Tensor] = {"generated": made.value, "real test images": real}
    scores = [score_of(probability) for probability in seen.values()]
    figures = {"inception_score": scores[0], "inception_score_real": scores[1], "images": float(len(seen["generated"]))}
    summary = f"Inception Score {scores[0]:.3f}, of real test images {scores[1]:.3f}"
    caption = "By an independent classifier trained on real images. Compare scores only between runs with this judge."
    columns = ("", "images", "Inception Score")
    rows = [(name, len(probability), score) for (name, probability), score in zip(seen.items(), scores, strict=True)]
    if field is None or labels is None:
        table, tables = Table("Inception Score", columns, rows, caption=caption), []
        grid = _grid(images, generated)
    else:
        right = [probability.argmax(1) == labels for probability in seen.values()]
        shares = [float(each.float().mean()) for each in right]
        figures |= {"recognised": shares[0], "judge_accuracy": shares[1]}
        summary += f"; {shares[0]:.2%} of the samples recognised as their class (real: {shares[1]:.2%})"
        with_shares = [(*row, share) for row, share in zip(rows, shares, strict=True)]
        table = Table("Inception Score", (*columns, "recognised as their class"), with_shares, caption=caption)
        tables = [_by_class(members, field, right)]
        left_out = sum(len(of_class) > 0 for of_class in members) - len(shown)
        grid = _grid(images, generated, [field.names[value] for value in shown], left_out)
    return Result(figures, {}, [table, *tables], [grid], summary)


def score_of(probability: Tensor) -> float:
    """Return exp(E KL(p(y|x) ‖ p(y))) of class probabilities `(images, classes)`, p(y) their mean; between 1 and the
    classes.

    Raises ValueError if there is no image, or a row is not a distribution.
    """
    p = probability.double()
    if p.ndim != 2 or not p.numel() or not (p >= 0).all() or ((p.sum(1) - 1).abs() > 1e-3).any():
        found = tuple(probability.shape)
        raise ValueError(f"the Inception Score is of probabilities (images, classes), each row of sum 1; found {found}")
    p = p / p.sum(1, keepdim=True)
    # The mean divergence from the mean distribution is the entropy of the mean minus the mean entropy, also with zeros.
    divergence = torch.special.entr(p.mean(0)).sum() - torch.special.entr(p).sum(1).mean()
    return float(divergence.clamp(min=0).exp())


@better(lower=["distance_judge", "distance_inception"], units={"images": "images"})
def fid(
    generated: Annotated[Handle, Role.SAMPLE],
    image: Annotated[Handle, Role.INPUT],
    *,
    judge: Annotated[TrainedRun, Reads("features")],
    inception_weights: str | None = None,
    count: Annotated[int, Ge(2)] | None = None,
) -> Result:
    """Compute the Fréchet distance of generated images from the real test images, by torchmetrics.

    Source: Heusel et al., *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium* (2017).

    The features are those of a classifier trained on the real images and, with `inception_weights`, those of the
    Inception network that the literature uses. Levels are only comparable for the same features and the same number of
    images; so each choice has its own figure, beside the distance of as many training images from the same test images,
    which is about the distance of a perfect generator.

    Figures: `distance_judge` and `distance_judge_training`; with the weights, `distance_inception` and
    `distance_inception_training`; `images`, how many were generated.

    Args:
        generated: images computed for each test image, by draws from priors, `(batch, channels, height, width)`.
        image: the data's images.
        judge: a run on the same data with a tensor `features`, `(batch, features)`, or maps
            `(batch, channels, height, width)` that are averaged over their positions, read from `image`.
        inception_weights: the file of the Inception weights that the package torch-fidelity takes
            (weights-inception-2015-12-05-6726825d.pth).
        count: how many images of each kind: the first of their split (all test images by default).

    Images are read in batches; their features are in memory together.
    """
    extractors = feature_extractors(judge, generated.run, inception_weights)
    real = features_of(image_batches(image, "test", count=count), extractors)
    images = len(real["judge"])
    compared = {
        "generated": features_of(image_batches(generated, "test", count=count), extractors),
        "real training images": features_of(image_batches(image, "train", count=images), extractors),
    }
    least = min(images, *(len(features["judge"]) for features in compared.values()))
    if least < 2:
        raise ValueError("two images of each kind are needed, generated, of the test split and of the training split")
    figures, sizes, columns = {"images": float(len(compared["generated"]["judge"]))}, [], []
    for name, of_real in real.items():
        columns.append([frechet_distance(features[name], of_real) for features in compared.values()])
        figures |= dict(zip((f"distance_{name}", f"distance_{name}_training"), columns[-1], strict=True))
        sizes.append(of_real.shape[1])
    said = [f"{size} features of {NAMES[name]}" for name, size in zip(extractors, sizes, strict=True)]
    caption = (
        f"From {images} real test images, by {' and by '.join(said)}. Compare distances only for the same "
        "features and the same number of images."
    )
    if least <= max(sizes):
        caption += f" {least} images don't span {max(sizes)} features: that distance is finite, but says little."
    table = Table(
        "Fréchet distance from the real test images",
        ("", "images", *(f"by {text}" for text in said)),
        [
            (name, len(features["judge"]), *distances)
            for (name, features), distances in zip(compared.items(), zip(*columns, strict=True), strict=True)
        ],
        caption=caption,
    )
    parts = [
        f"{column[0]:.3f} by {text} (training images {column[1]:.3f})"
        for text, column in zip(said, columns, strict=True)
    ]
    return Result(figures, tables=[table], summary=f"Fréchet distance of {least} images: {', '.join(parts)}")


def _seen(judge: TrainedRun, images: Tensor, field: ClassField | None) -> Tensor:
    return judge_sees(judge, "probability", images) if field is None else probabilities(judge, images, field)


def _by_class(members: list[Tensor], field: ClassField, right: list[Tensor]) -> Table:
    """Return a table of `right`, of the generated and of the real images: whether the judge sees the intended class."""
    shares = [[float(each[rows].float().mean()) if len(rows) else None for each in right] for rows in members]
    return Table(
        "Recognised as their class",
        ("class", "images", "generated", "real test images"),
        [(name, len(rows), *both) for name, rows, both in zip(field.names, members, shares, strict=True)],
    )


def _grid(rows: Sequence[Tensor], generated: Handle, names: list[str] | None = None, left_out: int = 0) -> Picture:
    return image_grid(
        "Samples" if names is None else "Samples by class",
        rows,
        row_labels=names,
        value_range=generated.run.value_range,
        caption="Decoded from random codes, unselected."
        + (f" Shown: {len(rows)} of {len(rows) + left_out} classes." if left_out else ""),
    )
