"""Random splits that are the same on every machine and with every version of every library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from semreg.core import TEST, TRAIN, ClassField, Problem, Specification, UserError, closest


def random_order(count: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return a permutation of `range(count)`, a pure function of both arguments.

    The indices are sorted by 64 random bits each, from SHAKE-128: NumPy's and PyTorch's generators may change between
    versions, and a test set must not change with them.
    """
    bits = hashlib.shake_128(f"semreg split {seed}".encode()).digest(8 * count)
    return np.argsort(np.frombuffer(bits, dtype="<u8"), kind="stable").astype(np.int64)


def share(amount: int | float, count: int) -> int:
    """Return how many of `count` rows `amount` means: itself if it is an int, that fraction (rounded) if
    it is a float."""
    return amount if isinstance(amount, int) else round(amount * count)


def drawn_split(
    count: int, *, test: float = 0.2, classes: npt.NDArray[np.int64] | None = None
) -> npt.NDArray[np.uint8]:
    """Return the split `(count,)` of a set without one: the fraction `test` of the rows, of each class if `classes`
    `(count,)` are given, is TEST and the rest TRAIN. If that rounds to no test row at all, each class with two rows
    gets one."""
    split = np.full(count, TRAIN, dtype=np.uint8)
    order = random_order(count)
    groups = [order] if classes is None else [order[classes[order] == value] for value in np.unique(classes)]
    least = int(test > 0 and not any(share(test, len(group)) for group in groups))
    for group in groups:
        split[group[: max(share(test, len(group)), min(least, len(group) - 1))]] = TEST
    return split


def drawn_in_words(count: int, *, test: float = 0.2, classes: npt.NDArray[np.int64] | None = None) -> str:
    """Describe the result of `drawn_split` with the same arguments, as a clause."""
    sizes = [count] if classes is None else np.bincount(classes).tolist()
    few = not any(share(test, size) for size in sizes)
    part = ("one image" if few else f"{test:.0%}") + ("" if classes is None else " of each class")
    return f"{part} for testing, drawn once and for all"


def shots_problems(fields: Specification, shots: Mapping[str, Mapping[str, int]]) -> list[Problem]:
    """Return the fields and classes in a recipe's `data.split.shots` that do not exist."""
    problems = []
    for name, amounts in shots.items():
        where, field = f"data.split.shots.{name}", fields.get(name)
        if not isinstance(field, ClassField):
            problems.append(_no_classes(fields, name, where))
            continue
        wrong = [label for label in amounts if label not in field.names]
        problems += [
            Problem(f"{where}.{label}", f"there is no class {label!r}{closest(label, field.names)}") for label in wrong
        ]
    return problems


def by_problems(fields: Specification, validation: object) -> list[Problem]:
    """Return the error if a recipe's `data.split.validation` is cut by anything but a field of classes."""
    by = validation.get("by") if isinstance(validation, Mapping) else None
    if by is None or isinstance(fields.get(by), ClassField):
        return []
    return [_no_classes(fields, by, "data.split.validation.by")]


def labelled_fields(fields: Specification, unlabelled: Mapping[str, Sequence[str] | int]) -> Specification:
    """Return the fields without the unlabelled classes: names, or a number of last ones, of each field of classes.

    Raises UserError for fields and classes that do not exist, or if no class is left.
    """
    result, problems = dict(fields), []
    for name, which in unlabelled.items():
        where, field = f"data.split.unlabelled.{name}", fields.get(name)
        if not isinstance(field, ClassField):
            problems.append(_no_classes(fields, name, where))
            continue
        gone = list(field.names[-which:] if which else ()) if isinstance(which, int) else list(which)
        wrong = [label for label in gone if label not in field.names]
        problems += [Problem(where, f"there is no class {label!r}{closest(label, field.names)}") for label in wrong]
        left = tuple(label for label in field.names if label not in gone)
        if not left:
            problems.append(Problem(where, f"of the {len(field.names)} classes at least one must keep its label"))
        result[name] = replace(field, names=left)
    if problems:
        raise UserError("", problems)
    return result


def _no_classes(fields: Specification, name: str, where: str) -> Problem:
    known = [key for key, field in fields.items() if isinstance(field, ClassField)]
    return Problem(where, f"no field of classes is called {name!r}{closest(name, known)}")
