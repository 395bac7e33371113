"""The angles between the directions of classes, by their distance along the ring or the line."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor

from semreg.core import ClassField, Handle, Result, Role, Table
from semreg.pictures import heat_map
from semreg.trained import before_training, better, class_field, read_codes
from semreg_atnl.functional import angles
from semreg_atnl.geodesic import class_directions
from semreg_atnl.neighbors import class_distances
from semreg_atnl.unit import angle_between, unit_and_length


@better(units={"*": "degrees"})
def class_angles(code: Annotated[Handle, Role.CODE], label: Annotated[Handle, Role.LABEL, Role.ORDER]) -> Result:
    """Measure the angles between the classes' directions, by distance along the ring or line, and the codes' spread
    about them.

    A class's direction is the mean direction of its test codes, seen from the origin. In an arrangement in order,
    angles grow with the distance, however far the path between bends; on one great circle they grow in proportion to
    it.

    Source: beyond the paper.

    Figures, in degrees: `apart_D`, the mean angle between classes that are D apart, for each distance D; `spread`, the
    mean over classes of the mean angle between a code and its class's direction.

    Args:
        code: `(batch, code)`, of any length but zero.
        label: a field of classes in a ring or a line.

    Raises ValueError for classes without an order, or test images of fewer than two classes.
    """
    field, labels = class_field(label), label.read("test")
    present = _present(field, labels)
    codes = read_codes(code, "test")
    directions = class_directions(codes, labels)
    between = torch.rad2deg(angles(directions, directions))
    distances = class_distances(present[:, None], present, field.order, len(field.names))
    longest = int(distances.max())
    apart = {distance: between[distances == distance] for distance in range(1, longest + 1)}
    figures = {f"apart_{distance}": float(found.mean()) for distance, found in apart.items() if len(found)}
    own = torch.searchsorted(present, labels)
    to_own = torch.rad2deg(angle_between(unit_and_length(codes)[0], directions[own])[0]).squeeze(1)
    spreads = [float(to_own[own == place].mean()) for place in range(len(present))]
    figures["spread"] = sum(spreads) / len(spreads)
    names = [field.names[value] for value in present.tolist()]
    said = ", ".join(f"{figures[name]:.0f}°" for name in figures if name != "spread")
    picture = heat_map(
        "Angles between the directions of classes, in degrees",
        between,
        names,
        limits=(0, 180),
        caption="Directions of test codes. Far classes of a ring that lies on a great circle are opposite, at 180°.",
    )
    table = Table(
        "Spread of codes about their class's direction",
        ("class", "degrees"),
        list(zip(names, spreads, strict=True)),
        digits=1,
    )
    spread = f"{figures['spread']:.1f}° from their class's direction"
    summary = f"directions of classes 1, 2, … apart differ by {said}; codes lie {spread}"
    return Result(figures, tables=[table], pictures=[picture], summary=summary)


def _present(field: ClassField, labels: Tensor) -> Tensor:
    """Return the classes of the labels, int64, ascending. Raises ValueError as `class_angles` does."""
    if field.order == "none":
        raise ValueError("these classes have no order; angles are by distance along a ring or a line")
    present = labels.bincount().nonzero().flatten()
    if len(present) < 2:
        raise ValueError("the test images are of one class; an angle is between two")
    return present


@before_training(class_angles)
def _before_training(code: Handle, label: Handle, **options: Any) -> None:
    """Raise ValueError as `_present` does."""
    _present(class_field(label), label.read("test"))
