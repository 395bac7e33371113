"""Checks of panels of `semreg explore`: pure functions from images and controls to codes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import torch
from torch import Tensor

from semreg.exploring.view import Explorer, View
from semreg.testing.checks import Checks, require
from semreg.testing.documented import check_documentation
from semreg.trained.panels import Choice, Mask, Panel, Slider, Strip
from semreg.trained.run import Run


def check_panel(panel: Callable[[Run], Panel | None], run: Run, *, exempt: Collection[str] = ()) -> None:
    """Check a panel of a run whose roles fit: for all values of its controls its codes can be decoded, twice the same.

    Checks: "documentation", "controls" (names that differ, values within their ends, choices among their options),
    "ends" (each control at each of its ends, on test images of the run) and "pure" (the same pictures for the same
    values, and the images' codes unchanged).

    Args:
        panel: the function that the entry point names.
        run: a trained run that it fits, with its data; a few epochs suffice.
        exempt: names of checks to skip.

    Raises:
        AssertionError: with all failures.
    """
    checks = Checks(getattr(panel, "__name__", type(panel).__name__), exempt)
    checks.run("documentation", check_documentation, panel)
    made = panel(run)
    require(made is not None, "it doesn't fit this run; give one that it fits")
    assert made is not None
    explorer = Explorer(run)
    explorer.panels = {"checked": made}
    checks.run("controls", _check_controls, made)
    checks.run("ends", _check_ends, explorer, made)
    checks.run("pure", _check_pure, explorer, made)
    checks.end()


def _check_controls(panel: Panel) -> None:
    names = [control.name for control in panel.controls]
    require(len(set(names)) == len(names), f"two controls have one name: {names}")
    for control in panel.controls:
        if isinstance(control, Slider):
            require(control.low < control.high, f"{control.name} has no way from {control.low} to {control.high}")
            require(control.low <= control.value <= control.high, f"{control.name} is outside its ends")
        elif isinstance(control, Choice):
            require(control.value in control.options, f"{control.name} is none of its options")
        else:
            require(panel.images > 0, f"{control.name} is painted on an image, and there is none")


def _views(panel: Panel) -> Iterator[View]:
    images = [f"test:{place}" for place in range(panel.images)]
    yield View("checked", images)
    for control in panel.controls:
        if not isinstance(control, Mask):
            ends = (control.low, control.high) if isinstance(control, Slider) else control.options
            yield from (View("checked", images, {control.name: end}) for end in ends)


def _check_ends(explorer: Explorer, panel: Panel) -> None:
    for view in _views(panel):
        for strip in explorer.show(view).strips:
            fit = strip.images is not None and strip.images.ndim == 4 and bool(strip.images.isfinite().all())
            require(fit, f"at {dict(view.values)} it shows no finite images (images, channels, height, width)")
            images = 0 if strip.images is None else len(strip.images)
            labels = len(strip.labels)
            require(labels in (0, images), f"at {dict(view.values)} it has {labels} labels for {images} images")


def _check_pure(explorer: Explorer, panel: Panel) -> None:
    view = next(_views(panel))
    before = [code.clone() for name in view.images for code in explorer.seen(name).codes.values()]
    first, again = (_pictures(explorer.show(view).strips) for _ in range(2))
    after = [code for name in view.images for code in explorer.seen(name).codes.values()]
    require(all(map(torch.equal, before, after)), "it changes the codes that it is given")
    require(
        len(first) == len(again) and all(map(torch.equal, first, again)), "the same values give other pictures again"
    )


def _pictures(strips: Any) -> list[Tensor]:
    return [strip.images for strip in strips if isinstance(strip, Strip) and strip.images is not None]
