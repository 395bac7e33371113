"""The contents of a run's page: its panels, and the pictures of a view of one of them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from semreg.core import ClassField, UserError
from semreg.core.errors import cause_of
from semreg.core.registry import OWN_DISTRIBUTION, Component, components, load
from semreg.exploring.pictures import image_of, input_field
from semreg.trained import Run, need, pictures_of, seen_by
from semreg.trained.panels import Choice, Mask, Panel, Seen, Slider, Strip, Values, painted
from semreg.training.build import synthetic_batch

MOST_IMAGES = 400
"""The most images in one view."""
REMEMBERED = 64
"""How many images' codes are kept."""


class RunGone(Exception):  # noqa: N818  a finding rather than a failure
    """A run whose folder was removed."""


@dataclass(frozen=True)
class View:
    """A panel, its images by their names in addresses, and the values of its controls."""

    panel: str
    images: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    told: str = ""
    """The class of the images, if the run needs it."""


@dataclass(frozen=True)
class Shown:
    """The rows of pictures of a view, `(images, channels, height, width)` each, and the values of its controls."""

    strips: Sequence[Strip]
    values: Values


class Explorer:
    """A run with the panels that fit it, for one caller at a time."""

    def __init__(self, run: Run, call: str = "") -> None:
        """Open the panels; `call` opens the run in Python, for the lines shown to users.

        Raises UserError, with the lines to add, if `[model]` lacks roles, or no panel fits.
        """
        roles = run.roles if run.roles.sample else need(run, "input", "code", "output")
        self.run, self.roles, self.call = run, roles, call or f"semreg.open_run({str(run.folder)!r})"
        require_pictures(run)
        self.told = _told(run)
        self._seen = functools.lru_cache(maxsize=REMEMBERED)(self._compute)
        self.left_out: dict[str, str] = {}
        self.components = {component.name: component for component in sorted(components("panel"), key=_semreg_last)}
        self.panels: dict[str, Panel] = {}
        for name, component in self.components.items():
            try:
                panel = load(component)(run)
            except Exception as error:  # of a plugin
                self.left_out[name] = f"{component.origin}: {cause_of(error, UserError, ValueError)}"
            else:
                if panel is not None:
                    self.panels[name] = panel
        masked = {name for name, panel in self.panels.items() if any(isinstance(one, Mask) for one in panel.controls)}
        self.panels = dict(sorted(self.panels.items(), key=lambda item: item[0] in masked))  # painting is the most work
        if not self.panels:
            reasons = "; ".join(self.left_out.values())
            raise UserError(str(run.folder), f"no panel fits this run{reasons and ': '}{reasons}")

    def show(self, view: View) -> Shown:
        """Return the pictures of a view. Raises ValueError for an unknown one, UserError and RunGone."""
        panel = self.panels.get(view.panel)
        if panel is None:
            raise ValueError(f"there is no panel {view.panel[:40]!r}")
        if len(view.images) != panel.images:
            raise ValueError(f"{panel.title} takes {panel.images} images; {len(view.images)} are given")
        self.require_run()
        seen = [self.seen(name, view.told) for name in view.images]
        values = self._values(panel, seen, dict(view.values))
        return Shown([self._drawn(strip, view.told) for strip in panel.strips(seen, values)], values)

    def sweep(self, view: View, control: str, frames: int) -> list[Strip]:
        """Return the pictures of a view while a slider moves from end to end, or a choice through all: a strip for
        each.

        Raises as `show` does, and ValueError for other controls.
        """
        panel = self.panels.get(view.panel)
        found = [one for one in panel.controls if one.name == control] if panel else []
        if not found or isinstance(found[0], Mask):
            raise ValueError(f"{control[:40]!r} has no steps to go through")
        places = _places(found[0], frames)
        shown = [self.show(replace(view, values={**view.values, control: place})).strips for place in places.values()]
        swept = [[strip.images for strip in one if strip.images is not None] for one in zip(*shown, strict=True)]
        return [Strip(images=torch.cat(one), labels=list(places)) for one in swept if all(len(of) == 1 for of in one)]

    def encode(self, name: str, told: str = "") -> Tensor:
        """Return the image that an address names, and its reconstruction, `(2, channels, height, width)`."""
        self.require_run()
        seen = self.seen(name, told)
        made = pictures_of(self.run, Strip(codes=seen.codes), **self.classes(told))
        return torch.cat([seen.image, made]) if made.shape[1:] == seen.image.shape[1:] else seen.image

    @functools.cached_property
    def tests(self) -> int:
        """How many test images there are; 0 if the data are missing."""
        with contextlib.suppress(UserError):
            return self.run.counts["test"] if self.roles.input else 0
        return 0

    def read_tests(self, places: Sequence[int]) -> Tensor:
        """Return the test images at some positions, `(positions, channels, height, width)`."""
        self.require_run()
        images: Tensor = self.run.tensor(self.roles.input).at("test", torch.tensor(places))
        return images

    def require_run(self) -> None:
        """Raise RunGone if the run's folder was removed."""
        if not self.run.folder.is_dir():
            raise RunGone(f"the run's folder is gone: {self.run.folder}")

    def seen(self, name: str, told: str = "") -> Seen:
        """Return the image that an address names, and its codes. Raises ValueError and UserError."""
        return self._seen(name, told)

    def classes(self, told: str) -> dict[str, str]:
        """Return the class that the run needs beside an image, by the name of its field: the named one, or the
        first."""
        return {name: told or field.names[0] for name, field in self.told.items()}

    def _compute(self, name: str, told: str) -> Seen:
        return seen_by(self.run, image_of(self.run, name), **self.classes(told))

    def _values(self, panel: Panel, seen: Sequence[Seen], given: dict[str, Any]) -> dict[str, Any]:
        """Return the values of all controls. Raises ValueError for a value that a control can't have."""
        values: dict[str, Any] = dict(panel.start(seen)) if panel.start else {}
        for control in panel.controls:
            value = given.pop(control.name, None)
            if isinstance(control, Mask):
                if not isinstance(value, str | None):
                    raise ValueError(f"{control.name} is not a mask")
                values[control.name] = painted(value or "", *seen[0].image.shape[2:])
            elif value is None:
                values.setdefault(control.name, control.value)
            elif isinstance(control, Choice):
                if value not in control.options:
                    raise ValueError(f"{control.name} has no {str(value)[:40]!r}")
                values[control.name] = value
            else:
                values[control.name] = _number(control, value)
        return values

    def _drawn(self, strip: Strip, told: str) -> Strip:
        """Return the strip with its pictures. Raises ValueError for too many."""
        rows = max((len(code) for code in strip.codes.values()), default=0)
        if rows > MOST_IMAGES:
            raise ValueError(f"{rows} pictures are more than the {MOST_IMAGES} that are shown at once")
        return replace(strip, images=pictures_of(self.run, strip, **self.classes(told)))


def require_pictures(run: Run) -> None:
    """Raise UserError if the input, output or sample in `[model]` is not an image."""
    if run.roles.input and input_field(run) is None:
        raise UserError(str(run.folder), f"the input of its [model], {run.roles.input!r}, is not an image")
    made = run.tensor(run.roles.output or run.roles.sample)
    batch = synthetic_batch(run.fields, run.value_range, 1)
    found = made.given(**{name: batch[name] for name in made.needs()})
    if not isinstance(found, Tensor) or found.ndim != 4 or found.shape[1] not in (1, 3):
        shape = f"a tensor {tuple(found.shape[1:])}" if isinstance(found, Tensor) else type(found).__name__
        raise UserError(str(run.folder), f"the output of its [model], {made.name!r}, is not an image but {shape}")


def columns(strips: Sequence[Strip]) -> list[Tensor]:
    """Return the pictures of strips, column by column, one under another, `(channels, height, width)` each, for an
    animation."""
    shown = [strip.images for strip in strips if strip.images is not None and len(strip.images)]
    count = min(map(len, shown), default=0)
    return [rearrange([images[place] for images in shown], "strips c h w -> c (strips h) w") for place in range(count)]


def _places(control: Slider | Choice, frames: int) -> dict[str, float | str]:
    """Return the values that a control can have, by their captions."""
    if isinstance(control, Choice):
        return {option: option for option in control.options}
    steps = frames if control.step is None else min(frames, 1 + int((control.high - control.low) / control.step))
    places = [control.low + (control.high - control.low) * place / max(1, steps - 1) for place in range(steps)]
    return {f"{place:.3g}": place for place in places}


def _semreg_last(component: Component) -> tuple[bool, str]:
    return component.distribution == OWN_DISTRIBUTION, component.name


def _told(run: Run) -> dict[str, ClassField]:
    """Return the fields of classes that a run needs beside an image. Raises UserError if it needs other fields."""
    if not (run.roles.input and run.roles.output and run.roles.code):
        return {}
    read = [run.tensor(name).needs(run.roles.input) for name in run.roles.code]
    read.append(run.tensor(run.roles.output).needs(*run.roles.code))
    wanted = sorted(set().union(*read))
    found = {name: field for name in wanted if isinstance(field := run.fields[name], ClassField)}
    if set(wanted) - found.keys():
        others = ", ".join(sorted(set(wanted) - found.keys()))
        raise UserError(str(run.folder), f"this run needs {others} beside an image, and the page can't provide that")
    return found


def _number(control: Slider, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not control.low <= value <= control.high:
        raise ValueError(f"{control.name} goes from {control.low:g} to {control.high:g}; found {str(value)[:40]}")
    return float(value)
