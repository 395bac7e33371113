"""Answers of a run to the requests of a page, as JSON and bytes, for any server."""

from __future__ import annotations

import base64
import functools
import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from semreg.exploring.map import codes_of, colours_of, map_of
from semreg.exploring.pictures import MOST_BYTES, input_field, taken
from semreg.exploring.python import python_of
from semreg.exploring.view import Explorer, View, columns
from semreg.pictures import class_colours, gif, image_grid, pixels
from semreg.trained.panels import Choice, Control, Mask, Slider

Asked = TypeVar("Asked")
FRAMES = 24
"""Frames of an animation along a slider."""
MOST_AT_ONCE = 100
"""The most test images in one answer."""


class Answers:
    """Answers by the name of the request: `get` without a body, `post` with one. All raise the errors of `Explorer`.

    Threads may call them at any time; the run computes one answer after the other.
    """

    def __init__(self, explorer: Explorer) -> None:
        self.explorer, self._lock = explorer, threading.Lock()
        self._map = functools.lru_cache(maxsize=16)(functools.partial(map_of, explorer.run))
        self.get: Mapping[str, Callable[[None], Any]] = {"alive": self.alive, "state": self._in_turn(self.state)}
        answers = (self.decode, self.encode, self.image, self.map, self.python, self.save, self.tests)
        self.post: Mapping[str, Callable[[bytes], Any]] = {answer.__name__: self._in_turn(answer) for answer in answers}

    def _in_turn(self, answer: Callable[[Asked], Any]) -> Callable[[Asked], Any]:
        @functools.wraps(answer)
        def alone(asked: Asked) -> Any:
            with self._lock:
                return answer(asked)

        return alone

    def alive(self, _: None) -> dict[str, Any]:
        """Return an empty answer if the run exists."""
        self.explorer.require_run()
        return {}

    def state(self, _: None) -> dict[str, Any]:
        """Return the contents of the page: panels with their controls, the size of images, codes and colours of the
        map."""
        explorer, run = self.explorer, self.explorer.run
        explorer.require_run()
        field = input_field(run)
        return {
            "title": run.plan.name,
            "folder": run.folder.name,
            "size": [field.height, field.width] if field else None,
            "tests": explorer.tests,
            "most_bytes": MOST_BYTES,
            "told": list(next(iter(explorer.told.values())).names) if explorer.told else [],
            "panels": [
                {
                    "name": name,
                    "title": panel.title,
                    "about": panel.about,
                    "images": panel.images,
                    "controls": [_control(control) for control in panel.controls],
                }
                for name, panel in explorer.panels.items()
            ],
            "codes": list(codes_of(run)),
            "colours": colours_of(run),
            "left_out": list(explorer.left_out.values()),
        }

    def decode(self, body: bytes) -> dict[str, Any]:
        """Return the pictures of a view, and the values of its controls."""
        shown = self.explorer.show(_view(_json(body)))
        rows = [strip.images for strip in shown.strips if strip.images is not None]
        named = [{"name": strip.name, "labels": list(strip.labels)} for strip in shown.strips]
        values = {name: value for name, value in shown.values.items() if isinstance(value, str) or _is_number(value)}
        return {"values": values, "strips": named, **self._atlas(rows)}

    def encode(self, body: bytes) -> dict[str, str]:
        """Return the name of an image file in addresses."""
        self.explorer.require_run()
        return {"image": taken(self.explorer.run, body)}

    def image(self, body: bytes) -> dict[str, Any]:
        """Return an image by its name in addresses, and its reconstruction."""
        asked = _json(body)
        return self._atlas([self.explorer.encode(_text(asked, "image"), _text(asked, "told"))])

    def tests(self, body: bytes) -> dict[str, Any]:
        """Return some test images, from a position on."""
        asked = _json(body)
        first, count = (_count(asked, key) for key in ("first", "count"))
        places = range(first, min(first + min(count, MOST_AT_ONCE), self.explorer.tests))
        return self._atlas([self.explorer.read_tests(places)] if places else [])

    def map(self, body: bytes) -> dict[str, Any]:
        """Return points, classes and colours of a code's map."""
        asked = _json(body)
        self.explorer.require_run()
        found = self._map(_text(asked, "code"), _text(asked, "colour"))
        points = [[round(value, 4) for value in point] for point in found.points.tolist()]
        names = list(found.names)
        return {
            "points": points,
            "classes": found.classes.tolist(),
            "names": names,
            "colours": class_colours(len(names)),
        }

    def python(self, body: bytes) -> dict[str, str]:
        """Return the Python lines that make the pictures of a view."""
        return {"python": python_of(self.explorer, _view(_json(body)))}

    def save(self, body: bytes) -> bytes:
        """Return the pictures of a view as a PNG, or as a GIF: its columns one after another, or along a slider."""
        asked = _json(body)
        view, value_range = _view(asked), self.explorer.run.value_range
        strips = list(self.explorer.show(view).strips)
        if _text(asked, "kind") == "gif":
            along = _text(asked, "along")
            strips = self.explorer.sweep(view, along, FRAMES) if along else strips
            return gif(columns(strips), value_range)
        labels = [list(strip.labels) for strip in strips]
        return image_grid(
            "",
            [strip.images for strip in strips],
            row_labels=[strip.name for strip in strips] if any(strip.name for strip in strips) else None,
            image_labels=labels if all(labels) else None,
            value_range=value_range,
        ).png

    def _atlas(self, rows: Sequence[Tensor]) -> dict[str, Any]:
        """Return rows of images as one PNG in base64, with the number of images in each row, and their size."""
        if not rows:
            return {"counts": [], "width": 0, "height": 0, "png": ""}
        _, _, height, width = rows[0].shape
        longest = max(map(len, rows))
        drawn = [[pixels(image, self.explorer.run.value_range) for image in row] for row in rows]
        canvas = np.zeros((len(rows) * height, longest * width, drawn[0][0].shape[2]), np.uint8)
        for y, row in enumerate(drawn):
            for x, image in enumerate(row):
                canvas[y * height : (y + 1) * height, x * width : (x + 1) * width] = image
        return {"counts": list(map(len, rows)), "width": width, "height": height, "png": _png(canvas)}


def _png(values: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(values[..., 0] if values.shape[2] == 1 else values).save(buffer, "PNG", compress_level=1)
    return base64.b64encode(buffer.getvalue()).decode()


def _control(control: Control) -> dict[str, Any]:
    """Return a control in the page's format."""
    kind = type(control).__name__.lower()
    if isinstance(control, Slider):
        return {"kind": kind, **vars(control)}
    if isinstance(control, Choice):
        return {"kind": kind, **vars(control), "options": list(control.options)}
    assert isinstance(control, Mask)
    return {"kind": kind, "name": control.name}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("a request is an object of JSON")
    return found


def _text(asked: Mapping[str, Any], key: str) -> str:
    value = asked.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key} is a text")
    return value


def _count(asked: Mapping[str, Any], key: str) -> int:
    value = asked.get(key, 0)
    if not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError(f"{key} is a number from 0")
    return value


def _view(asked: Mapping[str, Any]) -> View:
    images, values = asked.get("images", []), asked.get("values", {})
    if not (isinstance(images, list) and all(isinstance(one, str) for one in images) and isinstance(values, dict)):
        raise ValueError("a view has images, a list of texts, and values by the names of controls")
    return View(_text(asked, "panel"), images, values, _text(asked, "told"))
