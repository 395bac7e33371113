"""Neighbourhoods of classes: which classes count as positives of each other."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from semreg.core import closest

Neighbors = Literal["ring", "line", "none"] | list[tuple[int, int]] | list[list[bool]] | Tensor
"""`"ring"`: the classes before and after, the last one beside the first; `"line"`: the same with two ends; `"none"`: a
class has no neighbours; a list of pairs of classes; or a symmetric C×C matrix of booleans, whose diagonal is not read.
"""

ORDERS = ("ring", "line", "none")


def neighbor_matrix(neighbors: Neighbors, classes: Tensor, *, num_classes: int | None = None) -> Tensor:
    """Which of some classes are the same or neighbours, bool `(k, k)`, symmetric, true on the diagonal.

    Args:
        neighbors: the neighbourhood.
        classes: different classes, int64 `(k,)`.
        num_classes: how many classes there are. A ring needs it, since a batch need not hold the last class; a matrix
            says it; otherwise the classes given are taken for all.

    Raises:
        ValueError: if the neighbourhood is unknown, malformed or leaves no negatives, or a class is outside of it.
    """
    if isinstance(neighbors, str):
        if neighbors not in ORDERS:
            raise ValueError(f"there is no neighbourhood {neighbors!r}{closest(neighbors, ORDERS)}")
        if neighbors == "ring" and num_classes is None:
            example = 'in a recipe num_classes = "@digit.classes", where the labels are called digit'
            raise ValueError(f"a ring needs num_classes, the number of classes on it ({example})")
        _require_negatives(neighbors, num_classes)
        _require_inside(classes, num_classes)
        return _ordered(neighbors, classes, num_classes)
    table = _as_tensor(neighbors, classes.device)
    if table.dtype == torch.bool:
        _require_symmetric(table, num_classes)
        _require_inside(classes, len(table))
        return table[classes][:, classes] | _same(classes)
    _require_pairs(table)
    _require_inside(table, num_classes, "a pair")
    _require_inside(classes, num_classes)
    count = 1 + max(int(values.max()) if values.numel() else 0 for values in (classes, table))
    if num_classes is not None:
        everything = torch.arange(num_classes, device=classes.device)
        if _paired(table, everything, num_classes).all():
            raise ValueError(f"these pairs make neighbours of all {num_classes} classes, so that no negatives exist")
    return _paired(table, classes, count)


def _ordered(order: str, classes: Tensor, num_classes: int | None) -> Tensor:
    distance = (classes[:, None] - classes).abs()
    if order == "ring" and num_classes is not None:
        distance = torch.minimum(distance, num_classes - distance)
    return distance <= (0 if order == "none" else 1)


def _same(classes: Tensor) -> Tensor:
    return classes[:, None] == classes


def _paired(pairs: Tensor, classes: Tensor, count: int) -> Tensor:
    def number(a: Tensor, b: Tensor) -> Tensor:
        return torch.minimum(a, b) * count + torch.maximum(a, b)

    listed = number(pairs[:, 0], pairs[:, 1])
    return torch.isin(number(classes[:, None], classes), listed) | _same(classes)


def _as_tensor(neighbors: Any, device: torch.device) -> Tensor:
    """Pairs as int64 `(pairs, 2)`, a matrix as bool `(C, C)`, if they are that."""
    try:
        table = torch.as_tensor(neighbors, device=device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"the neighbourhood is neither pairs of classes nor a matrix of booleans: {error}") from None
    return table.reshape(0, 2).long() if table.numel() == 0 else table


def _require_pairs(table: Tensor) -> None:
    if table.is_floating_point() or table.ndim != 2 or table.shape[1] != 2:
        found = f"{str(table.dtype).removeprefix('torch.')} {tuple(table.shape)}"
        raise ValueError(
            f"a neighbourhood is {', '.join(map(repr, ORDERS))}, pairs of classes `(pairs, 2)` or a matrix of booleans "
            f"`(classes, classes)`; found {found}"
        )


def _require_symmetric(table: Tensor, num_classes: int | None) -> None:
    if table.ndim != 2 or len(table) != table.shape[1] or (num_classes is not None and len(table) != num_classes):
        fits = "square" if num_classes is None else f"({num_classes}, {num_classes})"
        raise ValueError(f"the matrix of neighbours is {tuple(table.shape)}; it must be {fits}")
    wrong = (table != table.T).nonzero()
    if len(wrong):
        a, b = wrong[0].tolist()
        raise ValueError(f"the matrix of neighbours is not symmetric: classes {a} and {b} are neighbours one way only")
    if (table | torch.eye(len(table), dtype=torch.bool, device=table.device)).all():
        raise ValueError(f"the matrix makes neighbours of all {len(table)} classes, so that no negatives exist")


def _require_negatives(order: str, num_classes: int | None) -> None:
    least = {"ring": 4, "line": 3, "none": 2}[order]
    if num_classes is not None and num_classes < least:
        what = {"ring": "a ring", "line": "a line", "none": "a set without neighbours"}[order]
        plural = "class" if num_classes == 1 else "classes"
        raise ValueError(f"{what} of {num_classes} {plural} has no negatives; it takes at least {least} classes")


def _require_inside(classes: Tensor, num_classes: int | None, whose: str = "a label") -> None:
    wrong = classes < 0
    if num_classes is not None:
        wrong = wrong | (classes >= num_classes)
    if wrong.any():
        fits = "0 or more" if num_classes is None else f"0 to {num_classes - 1}"
        raise ValueError(f"{whose} names class {int(classes[wrong][0])}; the classes are {fits}")
