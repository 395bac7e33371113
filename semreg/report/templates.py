"""The templates of pages: those beside this file, and those of packages with their own pages."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import jinja2

from semreg.core import Scatter
from semreg.pictures import class_colours
from semreg.pictures.html import as_uri, page_width


def templates(*folders: Path) -> jinja2.Environment:
    """Return a new environment with the templates of the folders, and those beside this file, which they may include.

    It escapes all values, and an unknown name is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "uri": as_uri, "page_width": page_width, "json": _json, "points": _points, "colours": class_colours
    }  # fmt: skip
    return environment


def _json(value: Any) -> str:
    """Return a value, or an object of fields, as JSON for the page's script; escaped, it fits in an attribute."""
    plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False)


def _points(scatter: Scatter) -> str:
    """Return a list of [x, y, z, class] as JSON, centred and scaled to reach 1 from the middle."""
    rows = [
        (place, owner)
        for place, owner in zip(scatter.points, scatter.classes, strict=False)
        if all(map(math.isfinite, place))
    ]
    middle = [(max(axis) + min(axis)) / 2 for axis in zip(*(place for place, _ in rows), strict=True)]
    centred = [[value - centre for value, centre in zip(place, middle, strict=True)] for place, _ in rows]
    reach = max((math.hypot(*place) for place in centred), default=0) or 1
    points = [
        [*(round(value / reach, 4) for value in place), owner] for place, (_, owner) in zip(centred, rows, strict=True)
    ]
    return json.dumps(points, separators=(",", ":"))
