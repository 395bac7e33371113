"""The templates of pages: those that stand beside this file, and those of the rooms that write pages of their own."""

from __future__ import annotations

import base64
import struct
from pathlib import Path

import jinja2

from semreg.core import Picture
from semreg.pictures.style import PIXEL_RATIO


def templates(*folders: Path) -> jinja2.Environment:
    """A new environment with the templates of the folders, and those beside this file, which they may include.

    All that is filled in is escaped, and a name that is not given is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"uri": _uri, "page_width": _page_width}
    return environment


def _uri(picture: Picture) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.png).decode('ascii')}"


def _page_width(picture: Picture) -> int:
    """How wide a picture wants to be on the page; a PNG's width stands in its header."""
    if len(picture.png) < 24 or not picture.png.startswith(b"\x89PNG"):
        return 600
    return int(struct.unpack(">I", picture.png[16:20])[0]) // PIXEL_RATIO
