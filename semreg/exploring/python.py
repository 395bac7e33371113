"""Python lines that make the pictures of a view with semreg's public functions."""

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
    """Return lines that write the pictures of a view as a file; images outside of the test split are read from files.

    Raises as `Explorer.show` does.
    """
    values, panel = explorer.show(view).values, explorer.panels[view.panel]
    told = explorer.classes(view.told)
    lines = [f"run = {explorer.call}"]
    if view.images:
        images = [f"    {_image(explorer, name, place)}," for place, name in enumerate(view.images)]
        lines += ["images = [", *images, "]"]
    if panel.python and not told:
        lines.append(f"pictures = {panel.python([explorer.seen(name) for name in view.images], values)}")
    else:
        more = f", **{told!r}" if told else ""
        function = explorer.components[view.panel].target.partition(":")[2]
        seen = f"[seen_by(run, image{more}) for image in images]" if view.images else "[]"
        lines.append(f"strips = {function}(run).strips({seen}, {_values(values)})")
        lines.append(f"pictures = [pictures_of(run, strip{more}) for strip in strips]")
    lines.append(f"write_picture({PNG!r}, image_grid('', pictures, value_range=run.value_range).png)")
    return "\n".join([*_imports(explorer, view, "\n".join(lines)), "", *lines, ""])


def _imports(explorer: Explorer, view: View, lines: str) -> list[str]:
    """Return the imports that these lines need."""
    module, _, function = explorer.components[view.panel].target.partition(":")
    used = [name for name in ("load_images", "painted", "pictures_of", "seen_by") if f"{name}(" in lines]
    return [
        "import semreg",
        *["import torch"] * ("torch.tensor(" in lines),
        "from semreg.pictures import image_grid, write_picture",
        *[f"from semreg.trained import {', '.join(used)}"] * bool(used),
        *[f"from {module} import {function}"] * (f"{function}(run)" in lines),
    ]


def _image(explorer: Explorer, name: str, place: int) -> str:
    if found := TEST.fullmatch(name):
        return f"run.tensor({explorer.roles.input!r}).at('test', torch.tensor([{int(found[1])}]))"
    return f"load_images(run, ['image_{place + 1}.png'])"


def _values(values: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name!r}: {_value(value)}" for name, value in values.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, Tensor):
        bits = np.packbits(value.numpy().astype(np.uint8))
        return f"painted({base64.urlsafe_b64encode(bits.tobytes()).decode()!r}, {value.shape[0]}, {value.shape[1]})"
    return repr(value)
