"""Simple classifiers on frozen codes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from annotated_types import Gt
from torch import Tensor

from semreg.core import ClassField, Handle, Result, Role
from semreg.trained import (
    accuracies,
    before_training,
    better,
    class_field,
    linear_predictions,
    read_codes,
    require_two_classes,
)

Count = Annotated[int, Gt(0)]


@better(higher=["accuracy*"], units={"*": "share"})
def linear_probe(
    code: Annotated[Handle, Role.CODE],
    label: Annotated[Handle, Role.LABEL],
    *,
    penalty: Annotated[float, Gt(0)] = 1.0,
    iterations: Count = 1000,
) -> Result:
    """Fit one linear layer with a softmax on frozen training codes, and test it on the test codes.

    The codes are standardised by the training codes' moments (still a linear layer); the layer minimises the summed
    cross-entropy plus `penalty` / 2 · |weights|² by L-BFGS; for thousands of images the penalty is almost zero.

    Figures: `accuracy`, on test images; `accuracy_train`. Outcomes: `accuracy`. Yan et al. (ATNL), Table I.

    Args:
        code: `(batch, code)`.
        label: a field of classes.
        penalty: weight of the L2 penalty.
        iterations: most iterations of L-BFGS.
    """
    field, codes, labels = _training(code, label)
    found, known = linear_predictions(
        codes, labels, read_codes(code, "test"), codes, penalty=penalty, iterations=iterations
    )
    result = _result(found, label.read("test"), field, "one linear layer on the codes")
    result.figures["accuracy_train"] = float((known == labels).float().mean())
    return result


@better(higher=["accuracy"], units={"*": "share"})
def knn(
    code: Annotated[Handle, Role.CODE],
    label: Annotated[Handle, Role.LABEL],
    *,
    neighbors: Count = 5,
    metric: Literal["euclidean", "cosine"] = "euclidean",
) -> Result:
    """Predict the class of each test code by the majority of its nearest training codes.

    Figures: `accuracy`, on test images. Outcomes: `accuracy`.

    Args:
        code: `(batch, code)`.
        label: a field of classes.
        neighbors: how many training codes vote.
        metric: the distance between codes.
    """
    from sklearn.neighbors import KNeighborsClassifier

    field, codes, labels = _training(code, label)
    _before_training(code, label, neighbors=neighbors)
    model = KNeighborsClassifier(neighbors, metric=metric, algorithm="brute").fit(codes.numpy(), labels.numpy())
    found = torch.from_numpy(model.predict(read_codes(code, "test").numpy()))
    return _result(found, label.read("test"), field, f"{neighbors} nearest training codes ({metric})")


def _training(code: Handle, label: Handle) -> tuple[ClassField, Tensor, Tensor]:
    """Return the classes, and the training codes with their labels."""
    field, labels = class_field(label), label.read("train")
    require_two_classes(labels, field)
    return field, read_codes(code, "train"), labels


@before_training(linear_probe, knn)
def _before_training(code: Handle, label: Handle, *, neighbors: int = 0, **options: Any) -> None:
    """Raise ValueError for training images of one class, and for fewer of them than `neighbors`."""
    labels = label.read("train")
    require_two_classes(labels, class_field(label))
    if neighbors > len(labels):
        raise ValueError(f"neighbors is {neighbors}, and there are {len(labels)} training images")


def _result(found: Tensor, labels: Tensor, field: ClassField, what: str) -> Result:
    right = found == labels
    accuracy = float(right.float().mean())
    return Result(
        figures={"accuracy": accuracy},
        tables=[accuracies(right, labels, field)],
        summary=f"{what}: {accuracy:.2%} of {len(labels)} test images right",
        outcomes={"accuracy": right.tolist()},
    )
