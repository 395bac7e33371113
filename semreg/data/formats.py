"""Formats of image files: those that are read here, and what reads the others."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import NamedTuple

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Whatever a file is called, it is none of the formats for which PIL starts other programs."""
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


class Plugin(NamedTuple):
    """A format that PIL reads with a package's help: its name, its endings, the package and the package's module."""

    format: str
    endings: tuple[str, ...]
    package: str
    module: str


PLUGINS = (
    Plugin("AVIF", (".avif",), "Pillow 11.3 or later", "pillow_avif"),
    Plugin("HEIF", (".heic", ".heif", ".hif"), "pillow-heif", "pillow_heif"),
)


@functools.cache
def installed() -> tuple[Plugin, ...]:
    """The formats beyond FORMATS that are read here; their packages are made known to PIL."""
    return tuple(plugin for plugin in PLUGINS if _is_read(plugin))


def readable() -> tuple[str, ...]:
    """The formats that are read here, as PIL calls them."""
    return (*FORMATS, *(plugin.format for plugin in installed()))


def endings() -> tuple[str, ...]:
    """The endings of files that are images, in small letters."""
    return (*IMAGE_ENDINGS, *(ending for plugin in installed() for ending in plugin.endings))


def unread(others: Mapping[str, int]) -> tuple[str, ...]:
    """What to say of files, counted by their endings, that are images of a format that is not read here."""
    said = []
    for plugin in PLUGINS:
        counts = {ending: others[ending] for ending in plugin.endings if ending in others}
        if counts and plugin not in installed():
            files = " and ".join(f"{count:,} {ending}" for ending, count in counts.items())
            said.append(f"{files} files are images, and not used: to read them install {plugin.package}")
    return tuple(said)


def _is_read(plugin: Plugin) -> bool:
    from PIL import features

    if plugin.format == "AVIF" and "avif" in features.modules and features.check("avif"):
        return True
    try:
        module = importlib.import_module(plugin.module)  # which makes AVIF known to PIL
        if plugin.format == "HEIF":
            module.register_heif_opener()
    except Exception:  # not installed, or broken, by whatever it raises
        return False
    return True
