"""The lines of Python that make the pictures of a view, by what is public."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from semreg.exploring.pictures import TEST
from semreg.exploring.view import Explorer, View

PNG = "picture.png"


def python_of(explorer: Explorer, view: View) -> str:
    """Lines that write the pictures of a view as a file; images that are no test images are read from files.

    Raises as `Explorer.show` does.
    """
    values = explorer.show(view).values
    panel, target = explorer.panels[view.panel], explorer.components[view.panel].target
    module, _, function = target.partition(":")
    roles, told = (
        explorer.roles,
        {name: field.names.index(view.told or field.names[0]) for name, field in explorer.told.items()},
    )
    seen = [explorer.seen(name, view.told) for name in view.images]
    short = panel.python(seen, values) if panel.python and not told else ""
    taken = ["from semreg.pictures import image_grid, write_picture"]
    lines = ["", f"run = {explorer.call}"]
    if view.images:
        lines += [
            "images = [",
            *(f"    {_image(explorer, name, place)}," for place, name in enumerate(view.images)),
            "]",
        ]
    if any(not TEST.fullmatch(name) for name in view.images):
        taken.append("from semreg.trained import load_images")
    if short:
        lines.append(f"pictures = {short}")
    else:
        taken += ["from semreg.trained import Seen"] * bool(view.images)
        taken.append(f"from {module} import {function.partition('.')[0]}")
        given = f"{{{roles.input!r}: image{_told(told)}}}"
        codes = f"{{code: run.tensor(code).given(**{given}) for code in run.roles.code}}"
        if told:
            codes = (
                f"{{code: run.tensor(code).given(**{{name: value for name, value in {given}.items() "
                "if name in run.tensor(code).needs()}) for code in run.roles.code}"
            )
        lines.append(f"seen = [Seen(image, {codes}) for image in images]" if view.images else "seen = []")
        lines.append(f"strips = {function}(run).strips(seen, {_values(values)})")
        lines.append("output = run.tensor(run.roles.output)")
        if told:
            lines.append(f"told = {{{_told(told).removeprefix(', ')}}}")
            lines.append(
                "told = {name: value for name, value in told.items() if name in output.needs(*run.roles.code)}"
            )
        more = ", **{name: value.expand(len(next(iter(strip.codes.values())))) for name, value in told.items()}" * bool(
            told
        )
        made = f"output.given(**strip.codes{more})"
        lines.append(f"pictures = [{made} if strip.images is None else strip.images for strip in strips]")
    lines.append(f"write_picture({PNG!r}, image_grid('', pictures, value_range=run.value_range).png)")
    wants_torch = any("torch." in line for line in lines)
    painted = ["from semreg.trained.panels import painted"] * any(" painted(" in line for line in lines)
    heads = ["import semreg", *["import torch"] * wants_torch, *sorted([*taken, *painted])]
    return "\n".join([*heads, *lines]) + "\n"


def _image(explorer: Explorer, name: str, place: int) -> str:
    if found := TEST.fullmatch(name):
        return f"run.tensor({explorer.roles.input!r}).at('test', torch.tensor([{int(found[1])}]))"
    return f"load_images(run, ['image_{place + 1}.png'])"


def _told(told: Mapping[str, int]) -> str:
    return "".join(f", {name!r}: torch.tensor([{value}])" for name, value in told.items())


def _values(values: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name!r}: {_value(value)}" for name, value in values.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, Tensor):
        bits = np.packbits(value.numpy().astype(np.uint8))
        return f"painted({base64.urlsafe_b64encode(bits.tobytes()).decode()!r}, {value.shape[0]}, {value.shape[1]})"
    return repr(value)
