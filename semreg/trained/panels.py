"""Panels of `semreg explore`: controls of a trained run, and codes built from them. Each panel is a pure function.

A component of kind `panel` is a function of a run: `panel(run) -> Panel | None`, None if the roles of its `[model]`
don't fit. The page decodes the panel's codes, draws the images, and keeps the controls in its address.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semreg.trained.classes import class_field, synthesised
from semreg.trained.run import Run
from semreg.trained.sampling import class_number


@dataclass(frozen=True)
class Slider:
    """A number between two ends; a `step` limits it to such steps, counted from `low`."""

    name: str
    low: float
    high: float
    value: float = 0.0
    step: float | None = None


@dataclass(frozen=True)
class Choice:
    """One of several texts."""

    name: str
    options: Sequence[str]
    value: str


@dataclass(frozen=True)
class Mask:
    """A part of the first image, painted with the pointer: bool `(height, width)`, true where painted."""

    name: str


Control = Slider | Choice | Mask
Values = Mapping[str, Any]
"""The values of controls, by their names: a float, a text, or a mask's tensor."""


@dataclass(frozen=True)
class Seen:
    """An image `(1, channels, height, width)` in the recipe's range, and its codes, `(1, …)` each, by their tensors'
    names."""

    image: Tensor
    codes: Mapping[str, Tensor]


@dataclass(frozen=True)
class Strip:
    """A row of pictures: `codes` `(images, …)` by the names of their tensors, which are decoded, or the `images`
    themselves, `(images, channels, height, width)`; its name, and optional captions."""

    name: str = ""
    codes: Mapping[str, Tensor] = field(default_factory=dict)
    images: Tensor | None = None
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class Panel:
    """The contents of a panel. Names of controls, and all texts, may be anything: a page escapes them.

    `strips(seen, values)` builds the strips from as many `images` as the panel asks for, and a value for each control;
    the page shows the message of its ValueError. `start(seen)` returns the controls' values for these images, if they
    differ from their own `value`; with these values, the pictures equal the images themselves.
    """

    title: str
    about: str
    strips: Callable[[Sequence[Seen], Values], Sequence[Strip]]
    controls: Sequence[Control] = ()
    images: int = 1
    start: Callable[[Sequence[Seen]], Values] | None = None
    python: Callable[[Sequence[Seen], Values], str] | None = None
    """The pictures of each strip as a Python expression of `run` and `images`, a list of tensors
    `(1, channels, height, width)`. Without it, the code calls the panel itself."""


def seen_by(run: Run, image: Tensor, **told: str | int) -> Seen:
    """Return an image `(1, channels, height, width)` and its codes.

    `told` are the classes, by name or number, of the fields that the codes need beside the image. Raises ValueError if
    one is missing, or does not exist.
    """
    given = {run.roles.input: image, **_labels(run, told)}
    codes = {}
    for name in run.roles.code:
        code = run.tensor(name)
        codes[name] = code.given(**{field: value for field, value in given.items() if field in code.needs()})
    return Seen(image, codes)


def pictures_of(run: Run, strip: Strip, **told: str | int) -> Tensor:
    """Return the pictures of a strip, `(images, channels, height, width)`: its own, or the run's output for its codes.

    `told` is as for `seen_by`. Raises ValueError if the output needs more, and for a strip without codes.
    """
    if strip.images is not None:
        return strip.images
    rows = max((len(code) for code in strip.codes.values()), default=0)
    if not rows:
        raise ValueError("a strip has codes or images, and this one has none")
    output = run.tensor(run.roles.output)
    needed = output.needs(*strip.codes)
    labels = {name: label.expand(rows) for name, label in _labels(run, told).items() if name in needed}
    return synthesised(output, {**strip.codes, **labels})


def _labels(run: Run, told: Mapping[str, str | int]) -> dict[str, Tensor]:
    """Return classes as the data have them, int64 `(1,)` each."""
    return {name: torch.tensor([class_number(class_field(run.tensor(name)), label)]) for name, label in told.items()}


def painted(text: str, height: int, width: int) -> Tensor:
    """Return the mask, bool `(height, width)`, from its text: its bits row by row, packed and in base64 as in an
    address.

    An empty text is an empty mask. Raises ValueError if the text is not such a mask.
    """
    try:
        packed = base64.b64decode(text, b"-_", validate=True)
    except (binascii.Error, ValueError):
        packed = b"?"
    if text and len(packed) != math.ceil(height * width / 8):
        raise ValueError(f"a mask of {height} × {width} pixels is {math.ceil(height * width / 8)} bytes in base64")
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=height * width) if text else np.zeros(height * width)
    return torch.from_numpy(bits.reshape(height, width).astype(bool))
