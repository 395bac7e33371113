"""Neighbourhoods of classes: which classes count as positives of each other, and which rows of a batch
have positives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Gt
from torch import Tensor

from semreg.core import Role, at_hand, closest, require_classes

Order = Literal["ring", "line", "none"]
Neighbors = Order | list[tuple[int, int]] | list[list[bool]] | Tensor
"""`"ring"`: the classes before and after, the last one beside the first; `"line"`: the same with two ends; `"none"`: a
class has no neighbours; a list of pairs of classes; or a symmetric C×C matrix of booleans, whose diagonal is not read.
"""

ORDERS = ("ring", "line", "none")

MOST_TABLES = 64
_tables: dict[tuple[str, int | None, torch.device], Tensor] = {}
"""Neighbourhoods that were checked and copied to a device, since each step would wait for both."""


def neighbor_matrix(
    neighbors: Neighbors, classes: Tensor, others: Tensor | None = None, *, num_classes: int | None = None
) -> Tensor:
    """Return which classes are equal to others or their neighbours, bool `(k, m)`.

    Args:
        neighbors: the neighbourhood. A tensor is best on the device of the classes, since each call copies it there.
        classes: int64 `(k,)`.
        others: int64 `(m,)`; by default the classes themselves, which makes the matrix symmetric.
        num_classes: how many classes there are. A ring needs it, since a batch need not hold the last class; a matrix
            has it.

    Raises:
        ValueError: if the neighbourhood is unknown, malformed or leaves no negatives, or a class is outside of it.
    """
    others = classes if others is None else others
    if isinstance(neighbors, str):
        if neighbors not in ORDERS:
            raise ValueError(f"there is no neighbourhood {neighbors!r}{closest(neighbors, ORDERS)}")
        if neighbors == "ring" and num_classes is None:
            example = 'in a recipe num_classes = "@digit.classes", where the labels are called digit'
            raise ValueError(f"a ring needs num_classes, the number of classes on it ({example})")
        _require_negatives(neighbors, num_classes)
        _require_inside(classes, num_classes)
        return class_distances(classes[:, None], others, neighbors, num_classes) <= (0 if neighbors == "none" else 1)
    table = _table(neighbors, num_classes, classes.device)
    if table.dtype == torch.bool:
        _require_inside(classes, len(table))
        related = table[classes][:, others]
    else:
        _require_inside(classes, num_classes)
        pairs = _numbered(classes[:, None], others)
        related = table[torch.searchsorted(table, pairs).clamp(max=len(table) - 1)] == pairs
    return related | (classes[:, None] == others)


def partner(
    labels: Annotated[Tensor, Role.LABEL],
    *,
    neighbors: Annotated[Neighbors, Role.ORDER],
    num_classes: Annotated[Annotated[int, Gt(0)] | None, Role.CLASSES] = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw a random row of a neighbouring class for each row of a batch, int64 `(batch,)`, for `take`.

    All rows of neighbouring classes are equally likely. A row without a neighbour in the batch is its own partner.

    Args:
        labels: the classes, integers `(batch,)`.
        neighbors: "ring", "line", "none", a list of pairs of classes, or a symmetric matrix of booleans, as in `atnl`.
        num_classes: how many classes there are. A ring needs it, since a batch need not hold the last class.
        generator: source of the draw.

    Raises:
        ValueError: for a label out of range, or a neighbourhood that `atnl` rejects.

    Source: beyond the paper.
    """
    require_classes("partner(labels)", labels, rows=len(labels), classes=num_classes)
    classes = labels.long()
    others = neighbor_matrix(neighbors, classes, num_classes=num_classes) & (classes[:, None] != classes)
    device = labels.device if generator is None else generator.device
    chances = torch.rand(others.shape, generator=generator, device=device).to(labels.device)
    # Chances are 0 or more, so that a row gets itself only if it has no neighbour.
    own = torch.eye(len(classes), device=labels.device) - 2
    return torch.where(others, chances, own).argmax(1) if len(classes) else classes


partner.cuts_gradient = True  # type: ignore[attr-defined]
partner.couples_rows = True  # type: ignore[attr-defined]


def positives_of(labels: Tensor, neighbors: Neighbors, num_classes: int | None) -> Callable[[slice], Tensor]:
    """Return a function that finds, for some rows of a batch, the codes of their class or one beside it, bool
    `(rows, batch)`.

    Raises ValueError as `neighbor_matrix` does: at once if the classes are few, else when the function is called.
    """
    if num_classes is None or num_classes > len(labels):
        return lambda rows: neighbor_matrix(neighbors, labels[rows], labels, num_classes=num_classes)
    everything = torch.arange(num_classes, device=labels.device)
    of_class = neighbor_matrix(neighbors, everything, num_classes=num_classes).index_select(1, labels)
    return lambda rows: of_class[labels[rows]]


def class_distances(classes: Tensor, others: Tensor, order: Order, num_classes: int | None) -> Tensor:
    """Return how many steps classes are from others along a ring of so many, or a line, int64.

    The classes' tensors broadcast against each other. "none" is counted as a line.
    """
    distance = (classes - others).abs()
    if order == "ring" and num_classes is not None:
        distance = torch.minimum(distance, num_classes - distance)
    return distance


def _numbered(a: Tensor, b: Tensor) -> Tensor:
    """Return a number for each pair of classes below 2³¹, the same in either order."""
    return torch.minimum(a, b) * 2**31 + torch.maximum(a, b)


def _table(neighbors: Any, num_classes: int | None, device: torch.device) -> Tensor:
    """Return a matrix, bool `(C, C)`, or the numbers of the pairs, int64, ascending, after a -1."""
    if isinstance(neighbors, Tensor):
        return _checked(neighbors, num_classes).to(device)
    key = (repr(neighbors.tolist() if isinstance(neighbors, np.ndarray) else neighbors), num_classes, device)
    if key in _tables:
        return _tables[key]
    try:
        given = torch.as_tensor(neighbors, device="cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"the neighbourhood is neither pairs of classes nor a matrix of booleans: {error}") from None
    table = _checked(given, num_classes).to(device)
    if type(table) is Tensor:  # and not a fake one of a dry run
        if len(_tables) >= MOST_TABLES:
            _tables.clear()
        _tables[key] = table
    return table


def _checked(given: Tensor, num_classes: int | None) -> Tensor:
    table = given.reshape(0, 2).long() if given.numel() == 0 else given
    if table.dtype == torch.bool:
        _require_symmetric(table, num_classes)
        return table
    _require_pairs(table)
    _require_inside(table, num_classes, "a pair")
    numbers = _numbered(table[:, 0], table[:, 1]).long()
    numbers = torch.cat([numbers.new_full((1,), -1), numbers.sort().values])
    if num_classes is not None and at_hand(table):
        one, other = torch.triu_indices(num_classes, num_classes, 1)
        if torch.isin(_numbered(one, other), numbers).all():
            raise ValueError(f"these pairs make neighbours of all {num_classes} classes, so that no negatives exist")
    return numbers


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
    if not at_hand(table):
        return
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
    if not at_hand(classes):
        return
    wrong = classes < 0
    if num_classes is not None:
        wrong = wrong | (classes >= num_classes)
    if wrong.any():
        fits = "0 or more" if num_classes is None else f"0 to {num_classes - 1}"
        raise ValueError(f"{whose} names class {int(classes[wrong][0])}; the classes are {fits}")
