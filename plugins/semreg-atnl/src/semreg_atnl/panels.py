"""A slider along the order of the classes, in `semreg explore`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from semreg.core import ClassField
from semreg.trained import Panel, Run, Seen, Slider, Strip, labels_of, path_of
from semreg_atnl.geodesic import Geodesic
from semreg_atnl.unit import great_circle, unit_and_length


def order(run: Run) -> Panel | None:
    """Build a slider from class to class, in the order of the data, of the one code that carries classes.

    The code moves along the geodesic through the classes' directions, and keeps its offset from its own class's
    direction.
    """
    found = labels_of(run, ClassField)
    if len(found) != 1 or not (run.roles.input and run.roles.output):
        return None
    [(label, code)] = found.items()
    field: Any = run.fields[label]
    if field.order not in ("ring", "line"):
        return None
    path = path_of(run, "geodesic")
    assert isinstance(path, Geodesic)
    assert path.directions is not None
    directions, names = path.directions, field.names
    if len(directions) != len(names):  # a class has no training image
        return None
    last = len(names) - (not path.ring)

    def start(seen: Sequence[Seen]) -> dict[str, float]:
        return {"place": float(nearest(seen[0].codes[code].flatten(1), directions))}

    def strips(seen: Sequence[Seen], values: Any) -> list[Strip]:
        before, place = seen[0].codes[code], float(values["place"])
        moved = along(before.flatten(1), directions, place).view_as(before)
        near = names[round(place) % len(names)]
        return [Strip(codes={**seen[0].codes, code: moved}, labels=[f"nearest: {near}"])]

    told = [f"{place} is {name}" for place, name in enumerate(names) if name != str(place)][:12]
    told += ["…"] * (len(told) == 12 < len(names)) + [f"{last} is {names[0]} again"] * path.ring
    said = f": {', '.join(told)}" if told else ""
    return Panel(
        "Order of classes",
        f"The code moves from class to class, as they neighbour each other, and its style goes with it{said}.",
        strips,
        [Slider("place", 0, last)],
        start=start,
    )


def nearest(codes: Tensor, directions: Tensor) -> int:
    """Return the class with the direction nearest to that of the code `(1, code)`."""
    return int((unit_and_length(codes)[0] @ directions.T).argmax())


def along(codes: Tensor, directions: Tensor, place: float) -> Tensor:
    """Move the code `(1, code)` to a `place` on the arcs through the classes' directions `(classes, code)`, float64.

    Place k is the direction of class k; the number of classes is class 0 again. The code keeps the offset of its
    direction from that of its own class, and its length; at its own class it is unchanged.
    """
    direction, length = unit_and_length(codes)
    own = nearest(codes, directions)
    if place == own:
        return codes
    first = int(place) % len(directions)
    second = (first + 1) % len(directions)
    weight = torch.tensor(place - int(place), dtype=torch.float64)
    point = great_circle(directions[first][None], directions[second][None], weight)
    moved = unit_and_length(point + direction - directions[own])[0] * length
    return moved.to(codes.dtype)
