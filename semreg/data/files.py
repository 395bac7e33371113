"""Finding a data set's files: under the data root, in any script, and nowhere else."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from semreg.errors import DataMissing, UserError

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")

Stamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds."""


def missing(name: str, root: Path, looked_for: Sequence[str], advice: str) -> DataMissing:
    """The error for a set that is not there; `looked_for` are paths relative to `root`, `advice` says what to do."""
    return DataMissing("", f"{name} not found under {root} (looked for {', '.join(looked_for)}).\n{advice}")


def under(root: Path, path: str) -> Path:
    """`path` below `root`; an absolute path, or one that starts with `~`, stands for itself."""
    return root / Path(path).expanduser()


def stamp(path: Path) -> Stamp:
    """What tells a changed file from an unchanged one without reading it."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def list_images(folder: Path) -> dict[str, Stamp]:
    """The images below `folder`, at any depth: their paths relative to it with forward slashes, sorted, and stamps.

    Hidden files are passed over. A link is followed to a file inside `folder` only.

    Raises:
        UserError: a link leads out of `folder`, or to a folder.
    """
    top = folder.resolve()
    return dict(sorted(_walk(top, top, "")))


def _walk(top: Path, folder: Path, prefix: str) -> Iterator[tuple[str, Stamp]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                _check_link(top, Path(entry.path), name)
            if entry.is_dir():
                yield from _walk(top, Path(entry.path), f"{name}/")
            elif entry.name.lower().endswith(IMAGE_ENDINGS):
                status = entry.stat()
                if stat.S_ISREG(status.st_mode):
                    yield name, (status.st_size, status.st_mtime_ns)


def _check_link(top: Path, link: Path, name: str) -> None:
    target = Path(os.path.realpath(link))
    if not target.is_relative_to(top):
        raise UserError(str(top), f"'{name}' is a link out of this folder, to {target}; copy what it points to here")
    if target.is_dir():
        raise UserError(str(top), f"'{name}' is a link to a folder; copy what it points to here")


def listing_digest(listing: Iterable[tuple[str, Stamp]]) -> str:
    """A digest of names, sizes and times: short enough for a cache's identity however many files there are."""
    digest = hashlib.sha256()
    for name, (size, time) in listing:
        digest.update(f"{name}\0{size}\0{time}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class Names:
    """Looks up file names as a table wrote them among those the file system gave: exactly, else in Unicode's composed
    form (some systems store "é" as two characters, most tables write one)."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = set(names)
        self._composed = {unicodedata.normalize("NFC", name): name for name in self._exact}

    def find(self, name: str) -> str | None:
        """The file's name, or None if there is no such file."""
        if name in self._exact:
            return name
        return self._composed.get(unicodedata.normalize("NFC", name.replace("\\", "/").removeprefix("./")))
