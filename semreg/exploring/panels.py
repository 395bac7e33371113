"""The panels that fit any run: principal directions, paths between two images, codes exchanged, samples."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from semreg.core import UserError
from semreg.core.registry import components
from semreg.exploring.directions import Directions, directions_of
from semreg.trained import Run, sample, sampled_classes
from semreg.trained.interpolating import STRAIGHT, codes_between
from semreg.trained.panels import Choice, Panel, Seen, Slider, Strip, Values

REACH = 3.0
"""How far a code moves along a direction, in standard deviations."""
ALL = "all in turn"


def directions(run: Run) -> Panel | None:
    """Build sliders along the principal directions of each code of the test images, by falling variance."""
    codes = run.roles.code
    if not (codes and run.roles.output and run.roles.input and run.counts["test"] > 1):
        return None
    each = max(2, min(8, 12 // len(codes)))
    found = {code: functools.cache(functools.partial(directions_of, run, code, each)) for code in codes}
    names = {code: [_direction(code, number, len(codes)) for number in range(1, each + 1)] for code in codes}

    def start(seen: Sequence[Seen]) -> dict[str, float]:
        values: dict[str, float] = {}
        for code in codes:
            own = found[code]().place(seen[0].codes[code])[0].tolist()
            values |= dict(zip(names[code], own, strict=False))
        return values

    def strips(seen: Sequence[Seen], values: Values) -> list[Strip]:
        moved = {code: _moved(seen[0].codes[code], found[code](), names[code], values) for code in codes}
        return [Strip(codes=moved)]

    return Panel(
        "Directions",
        f"The code moves along the directions in which the codes of the test images differ most, from {-REACH:g} to "
        f"{REACH:g} standard deviations. At first it is the image's own.",
        strips,
        [Slider(name, -REACH, REACH) for code in codes for name in names[code]],
        start=start,
    )


def _direction(code: str, number: int, codes: int) -> str:
    return f"{code}: {number}" if codes > 1 else f"direction {number}"


def _moved(code: Tensor, along: Directions, names: Sequence[str], values: Values) -> Tensor:
    own = along.place(code)[0]
    wanted = torch.tensor([values[name] for name, _ in zip(names, own, strict=False)])
    change = ((wanted - own) * along.deviations) @ along.directions
    return code + torch.where((wanted == own).all(), 0.0, change).view_as(code)


def paths(run: Run) -> Panel | None:
    """Build the paths from one image to another by every interpolator that fits its codes, side by side."""
    if not (run.roles.input and run.roles.code and run.roles.output):
        return None

    def strips(seen: Sequence[Seen], values: Values) -> list[Strip]:
        steps = round(values["pictures"])
        ways = _ways(run, seen[0].codes, seen[1].codes, steps)
        labels = [f"{100 * place / (steps - 1):.0f} %" for place in range(steps)]
        return [Strip(name, codes, labels=labels) for name, _, codes in ways]

    def python(seen: Sequence[Seen], values: Values) -> str:
        steps = round(values["pictures"])
        choices = [choice for _, choice, _ in _ways(run, seen[0].codes, seen[1].codes, steps)]
        return f"[run.interpolate(*images, steps={steps}, interpolator=way)[0] for way in {choices!r}]"

    return Panel(
        "Paths",
        "The way from the first image to the second, by each interpolator.",
        strips,
        [Slider("pictures", 2, 24, 9, step=1)],
        images=2,
        python=python,
    )


def _ways(
    run: Run, a: Mapping[str, Tensor], b: Mapping[str, Tensor], steps: int
) -> Iterator[tuple[str, str | Mapping[str, Any], dict[str, Tensor]]]:
    """Yield the name, the choice and the codes of each interpolator that connects the codes of two images."""
    own = run.roles.interpolator.get("use", STRAIGHT)
    names = dict.fromkeys([own, STRAIGHT, *(component.name for component in components("interpolator"))])
    for name in names:
        # On the sphere itself, or else with code lengths between those of the ends.
        for choice in (name, {"use": name, "norm": "interpolated"}):
            try:
                yield name, choice, codes_between(run, a, b, steps=steps, interpolator=choice)
                break
            except (UserError, ValueError):  # as for classes without an order
                continue


def exchange(run: Run) -> Panel | None:
    """Build images with each code from either of two images, named by the attributes that it carries."""
    image = run.roles.input
    codes = [code for code in run.roles.code if image in run.tensor(code).needs()]  # a given label is the same for both
    if len(codes) < 2 or not run.roles.output:
        return None
    of = {code: [label for label, own in run.roles.attributes.items() if own == code] for code in codes}
    names = {code: f"{', '.join(of[code])} ({code})" if of[code] else f"the rest ({code})" for code in codes}
    first, second = "of the first", "of the second"

    def strips(seen: Sequence[Seen], values: Values) -> list[Strip]:
        given = {code: seen[values[names[code]] == second].codes[code] for code in codes}
        return [Strip(codes={**seen[0].codes, **given})]

    controls = [Choice(names[code], (first, second), second if of[code] else first) for code in codes]
    return Panel(
        "Exchange",
        "One image of the codes of two: each code is taken from the first or from the second image.",
        strips,
        controls,
        images=2,
    )


def samples(run: Run) -> Panel | None:
    """Build new images, drawn from the priors: of all classes, or of one."""
    if not (run.roles.sample or (run.roles.prior and run.roles.output)):
        return None
    field = sampled_classes(run)
    names = () if field is None else field.names

    def strips(seen: Sequence[Seen], values: Values) -> list[Strip]:
        count, label = round(values["pictures"]), _label(values)
        images = sample(run, count, label=label, seed=round(values["seed"]))
        row = _row(count, names, label)
        labels = [names[place % len(names)] for place in range(count)] if label is None and names else []
        starts = range(0, count, row)
        return [Strip(images=images[start : start + row], labels=labels[start : start + row]) for start in starts]

    def python(seen: Sequence[Seen], values: Values) -> str:
        count, seed = round(values["pictures"]), round(values["seed"])
        return f"run.sample({count}, label={_label(values)!r}, seed={seed}).split({_row(count, names, _label(values))})"

    controls = [Slider("pictures", 1, 64, max(16, min(64, 2 * len(names))), step=1), Slider("seed", 0, 99, 0, step=1)]
    choice = [Choice("class", (ALL, *names), ALL)] if names else []
    return Panel(
        "Samples", "New images, of codes drawn from the priors.", strips, [*choice, *controls], images=0, python=python
    )


def _row(count: int, names: Sequence[str], label: str | None) -> int:
    """Return how many pictures are in a row: one for each class, if all classes are drawn in turn."""
    return len(names) if label is None and 1 < len(names) <= count else math.ceil(math.sqrt(count))


def _label(values: Values) -> str | None:
    label: str = values.get("class", ALL)
    return None if label == ALL else label
