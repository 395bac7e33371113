"""Label information in a code, measured by classifiers that were not part of its training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from annotated_types import Gt, MinLen
from torch import Tensor
from torch.nn.functional import cross_entropy

from semreg.core import ClassField, Handle, Result, Role, Table
from semreg.pictures import bar_plot
from semreg.trained import (
    ITERATIONS,
    PENALTY,
    before_training,
    better,
    class_field,
    linear_predictions,
    mlp_predictions,
    read_codes,
    require_two_classes,
)

Count = Annotated[int, Gt(0)]

_NAMES = {"linear": "linear probe", "mlp": "MLP probe", "classifier": "the recipe's own classifier"}


@better(lower=["linear_*", "mlp_*"], units={"classifier_cross_entropy_*": "nats", "*": "share"})
def leakage(
    code: Annotated[Handle, Role.REST],
    label: Annotated[Handle, Role.LABEL],
    logits: Handle | None = None,
    *,
    split: Literal["validation", "test"] = "test",
    count: Annotated[int, Gt(1)] = 20_000,
    hidden: Annotated[Sequence[Count], MinLen(1)] = (256, 256),
    epochs: Count = 100,
    generator: torch.Generator | None = None,
) -> Result:
    """Measure how well fresh classifiers, trained on the training codes, predict the label of other images from a code.

    They are a linear probe, fitted as in `linear_probe`, and an MLP on standardised codes. Adam trains the MLP until
    its accuracy on a tenth of the training codes, or on as many as there are classes, has not risen for ten epochs.
    Each reads the code as evaluations do (a posterior's mean) and, if it is random in training, as drawn there. A
    recipe's own adversarial classifier proves less: its training competes with an encoder that evades it.

    Figures, accuracies on the images of `split`: `linear_means`, `mlp_means` and, if the code is random,
    `linear_samples`, `mlp_samples`; `chance`, the share of the largest class. With `logits`: `classifier_means`,
    `classifier_cross_entropy_means` (in nats) and likewise `_samples`.

    Args:
        code: `(batch, code)`, or spatial `(batch, channels, height, width)`, which is flattened.
        label: a field of classes.
        logits: the output of the recipe's own classifier for the code, `(batch, classes)`.
        split: whose images are predicted; test images may be of classes without a training image, such as people.
        count: most training codes, drawn at random.
        hidden: units of the MLP's layers.
        epochs: most epochs of the MLP.
        generator: source of the draw of training codes and of the MLP's own randomness.

    Raises ValueError for codes that are not finite, training images of one class, or a class with a single image.
    """
    field = class_field(label)
    labels, truth = label.read("train"), label.read(split)
    generator = generator or torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(labels), generator=generator)[:count].sort().values
    labels = labels[chosen]
    require_two_classes(labels, field)
    _require_enough(labels, field)
    seed = int(torch.randint(2**31, (), generator=generator))
    accuracies: dict[str, dict[str, float]] = {}
    entropies: dict[str, float] = {}
    read: list[Tensor] = []
    for form, draws in (("means", False), ("samples", True)):
        test = read_codes(code, split, draws=draws, flat=True)
        if read and torch.equal(test, read[0]):
            continue  # nothing in it is random
        read.append(test)
        train = read_codes(code, "train", draws=draws, flat=True)[chosen]
        [linear] = linear_predictions(train, labels, test, penalty=PENALTY, iterations=ITERATIONS)
        found = {"linear": linear, "mlp": mlp_predictions(train, labels, test, hidden, epochs, seed)}
        if logits is not None:
            own = _logits(logits, field, split, draws)
            found["classifier"] = own.argmax(1)
            entropies[form] = float(cross_entropy(own, truth))
        accuracies[form] = {name: float((seen == truth).float().mean()) for name, seen in found.items()}
    chance = float(truth.bincount().max() / len(truth))
    figures = {f"{name}_{form}": value for form, values in accuracies.items() for name, value in values.items()}
    figures |= {f"classifier_cross_entropy_{form}": value for form, value in entropies.items()}
    title, names = f"{label.name} as read from {code.name}", [_NAMES[name] for name in accuracies["means"]]
    columns = {form: list(values.values()) for form, values in accuracies.items()}
    caption = (
        f"Accuracy on {len(truth)} {split} images; the probes are trained on {len(labels)} training codes. "
        f"Chance is the share of the largest class, {chance:.3f}."
    )
    table = Table(title, ("classifier", *columns), list(zip(names, *columns.values(), strict=True)), caption)
    bars = bar_plot(title, names, columns, y_label="accuracy", line=("chance", chance), caption=caption)
    said = "; ".join(
        f"{form}: " + ", ".join(f"{name} {value:.1%}" for name, value in zip(names, values, strict=True))
        for form, values in columns.items()
    )
    summary = f"{label.name} read from {code.name}, {said} (chance {chance:.1%})"
    return Result(figures=figures | {"chance": chance}, tables=[table], pictures=[bars], summary=summary)


def _require_enough(labels: Tensor, field: ClassField) -> None:
    """Raise ValueError unless both parts, the one that stops the MLP and the rest, can have an image of each class."""
    counts = labels.bincount(minlength=len(field.names))
    rare = [name for name, images in zip(field.names, counts.tolist(), strict=True) if images == 1]
    if rare:
        raise ValueError(f"class {rare[0]!r} has one training image; the probes need at least two of each class")


@before_training(leakage)
def _before_training(code: Handle, label: Handle, *inputs: Handle, **options: Any) -> None:
    """Raise ValueError for training images of one class, or a class with a single image."""
    field, labels = class_field(label), label.read("train")
    require_two_classes(labels, field)
    _require_enough(labels, field)


def _logits(logits: Handle, field: ClassField, split: str, draws: bool) -> Tensor:
    values = logits.read(split, draws=draws)
    if not isinstance(values, Tensor) or values.shape[1:] != (len(field.names),):
        shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"{logits.name!r} must be logits (batch, {len(field.names)} classes); found {shape}")
    return values
