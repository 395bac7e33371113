"""The positions of the test images' codes along their first principal directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from semreg.core import AttributesField, ClassField, closest
from semreg.exploring.directions import directions_of
from semreg.trained import Run, read_attributes

NOTHING = "nothing"
"""The colouring of points without labels."""
UNKNOWN = "unknown"


@dataclass(frozen=True)
class CodeMap:
    """Points `(images, 3)`, each coordinate in [-1, 1], of the first test images in order; the class of each, an index
    into `names`."""

    points: Tensor
    classes: Tensor
    names: tuple[str, ...]


def codes_of(run: Run) -> tuple[str, ...]:
    """Return the codes that a map can show."""
    return run.roles.code if run.roles.input else ()


def colours_of(run: Run) -> list[str]:
    """Return the labels that can colour points: classes and binary labels, first those that a code carries by
    `[model]`."""
    found: list[tuple[str, Sequence[str]]]
    found = [(name, (name,)) for name, field in run.fields.items() if isinstance(field, ClassField)]
    found += [(name, field.names) for name, field in run.fields.items() if isinstance(field, AttributesField)]
    found.sort(key=lambda field: field[0] not in run.roles.attributes)
    return list(dict.fromkeys(colour for _, colours in found for colour in colours)) or [NOTHING]


def map_of(run: Run, code: str, colour: str) -> CodeMap:
    """Return the map of a code. Raises ValueError for an unknown code or colour, and for codes that don't differ."""
    for what, said, known in (("code", code, codes_of(run)), ("colour", colour, colours_of(run))):
        if said not in known:
            raise ValueError(f"there is no {what} {said[:40]!r}{closest(said, known)}")
    codes = directions_of(run, code, 3)
    points = codes.codes * codes.deviations
    points = torch.cat([points, points.new_zeros(len(points), 3 - points.shape[1])], 1)
    classes, names = _classes(run, colour, len(points))
    return CodeMap(points / points.abs().max(), classes, names)


def _classes(run: Run, colour: str, count: int) -> tuple[Tensor, tuple[str, ...]]:
    field: Any = run.fields.get(colour)
    if isinstance(field, ClassField):
        labels: Tensor = run.tensor(colour).read("test", count=count)
        return labels.long(), field.names
    for name, other in run.fields.items():
        if isinstance(other, AttributesField) and colour in other.names:
            known = read_attributes(run.tensor(name), "test", count=count)[:, other.names.index(colour)]
            there = torch.where(known.isnan(), 2, (known > 0.5).long())
            return there, (f"without {colour}", f"with {colour}", UNKNOWN)
    return torch.zeros(count, dtype=torch.int64), (NOTHING,)
