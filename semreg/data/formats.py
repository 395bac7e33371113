"""Formats of image files: those that semreg reads, and the packages that read the others."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import NamedTuple

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""A file of any name is read only as one of these; for some other formats PIL starts other programs."""
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


class Plugin(NamedTuple):
    """A format that PIL reads with the help of a package: its name, its endings, the package and the
    package's module."""

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
    """Return the formats beyond FORMATS that can be read here, and register their packages with PIL."""
    return tuple(plugin for plugin in PLUGINS if _is_read(plugin))


def readable() -> tuple[str, ...]:
    """Return the formats that can be read here, by PIL's names."""
    return (*FORMATS, *(plugin.format for plugin in installed()))


def endings() -> tuple[str, ...]:
    """Return the endings of image files, in lower case."""
    return (*IMAGE_ENDINGS, *(ending for plugin in installed() for ending in plugin.endings))


def unread(others: Mapping[str, int]) -> tuple[str, ...]:
    """Warn about files, counted by their endings, that are images of a format that can't be read here."""
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
        module = importlib.import_module(plugin.module)  # registers AVIF with PIL
        if plugin.format == "HEIF":
            module.register_heif_opener()
    except Exception:  # not installed, or broken: it may raise anything
        return False
    return True
