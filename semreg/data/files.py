"""Finds a data set's files: only under the data root, and with names in any script."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from semreg.core import DataMissing, UserError
from semreg.data.formats import endings

LEFT_BY_PROGRAMS = frozenset({
    "@eadir", "@__thumb", "__macosx", "#recycle", "@recycle", "$recycle.bin", "system volume information", "lost+found",
    "__pycache__",
})  # fmt: skip
"""Folders of file servers, archives and other programs, in lower case; files in them are never data."""

Stamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds."""

LONGEST_SHOWN = 100
"""The most characters that a message quotes from a value in the data."""


def missing(name: str, root: Path, looked_for: Sequence[str], advice: str) -> DataMissing:
    """Return the error for a missing set; `looked_for` are paths relative to `root`, `advice` says what to do."""
    return DataMissing("", f"{name} not found under {root} (looked for {', '.join(looked_for)}).\n{advice}")


def quoted(text: str) -> str:
    """Return a text of the data in quotes for a message: cut if it is long, with unprintable characters escaped."""
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")


def shortened(path: str | os.PathLike[str]) -> str:
    """Return a path or a name for a message: cut in the middle if it is long, with unprintable characters escaped."""
    text, end = os.fspath(path), LONGEST_SHOWN
    text = text if len(text) <= 4 * end else f"{text[:end]}…{text[-end:]}"
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def under(root: Path, path: str) -> Path:
    """Return `path` below `root`; an absolute path, or one that starts with `~`, keeps its meaning.

    Raises UserError if that home folder doesn't exist.
    """
    try:
        return root / Path(path).expanduser()
    except RuntimeError:
        raise UserError("", f"path = {quoted(path)}: there is no such home folder; write the path out") from None


def stamp(path: Path) -> Stamp:
    """Return values that differ for a changed file, without reading it. Raises UserError if the file is missing."""
    try:
        status = path.stat()
    except OSError as error:
        raise UserError(str(path), f"can't be read: {error.strerror}") from None
    return status.st_size, status.st_mtime_ns


def read_text(path: Path) -> str:
    """Read a text file in UTF-8 with its line ends. Raises UserError, naming the line, if it is not such a file."""
    try:
        content = path.read_bytes()
        zero = content.find(0)
        if zero >= 0:
            raise UserError(
                str(path), f"can't be read: line {_line(content, zero)} holds a zero byte; expected text in UTF-8"
            )
        return content.decode().removeprefix("\ufeff")
    except OSError as error:
        raise UserError(str(path), f"can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line, byte = _line(content, error.start), content[error.start]
        message = f"can't be read: line {line} is not in UTF-8 (byte {byte:#04x}); save the table as UTF-8"
        raise UserError(str(path), message) from None


def _line(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


class Listing(NamedTuple):
    """The files below a folder."""

    images: dict[str, Stamp]
    """Paths of images relative to the folder, with forward slashes, sorted."""
    others: dict[str, int]
    """Counts of all else, by kind: an ending (".txt"), "hidden files", "empty folders", "other files", or the name of a
    hidden folder or of a program's folder ("@eaDir/")."""


def list_folder(folder: Path, *, deep: bool = True) -> Listing:
    """List the files below `folder` at any depth; without `deep` only those in it.

    Hidden files and the folders of other programs are counted and not listed. A link to an image is followed only to a
    file inside `folder`.

    Raises:
        UserError: a link leads out of `folder` or to a folder, a link to an image leads nowhere, or a folder can't be
            listed.
    """
    top, others = os.path.realpath(folder), Counter[str]()
    try:
        images = dict(sorted(_walk(top, others, deep)))
    except OSError as error:
        raise _unlisted(top, error) from None
    return Listing(images, dict(sorted(others.items())))


def list_images(folder: Path) -> dict[str, Stamp]:
    """Return the images below `folder`, as `list_folder` finds them."""
    return list_folder(folder).images


def holds_images(folder: Path) -> bool:
    """Return whether there is an image below `folder`. Raises UserError as `list_folder` does."""
    top = os.path.realpath(folder)
    try:
        return any(True for _ in _walk(top, Counter(), deep=True))
    except OSError as error:
        raise _unlisted(top, error) from None


def folders_in(folder: Path) -> list[str]:
    """Return the names of the folders in a folder that are neither hidden nor a program's. Raises UserError."""
    try:
        return [entry.name for entry in folder.iterdir() if not is_passed_over(entry.name) and entry.is_dir()]
    except OSError as error:
        raise _unlisted(str(folder), error) from None


def is_passed_over(name: str) -> bool:
    """Return whether a file or folder of this name is hidden, or a folder of another program."""
    return name.startswith(".") or name.lower() in LEFT_BY_PROGRAMS


def in_words(others: Mapping[str, int], most: int = 12) -> str:
    """Return counts of other files as text, the most frequent first: "70 .heic, 2 hidden files, 1 @eaDir/"."""
    counted = Counter(others).most_common()
    rest = sum(count for _, count in counted[most:])
    shown = [
        f"{count:,} {shortened(what[:-1] if count == 1 and ' ' in what else what)}" for what, count in counted[:most]
    ]
    return ", ".join([*shown, *([f"{rest:,} others"] if rest else [])])


def _unlisted(folder: str, error: OSError) -> UserError:
    return UserError(shortened(error.filename or folder), f"can't be listed: {error.strerror}")


def _walk(top: str, others: Counter[str], deep: bool) -> Iterator[tuple[str, Stamp]]:
    waiting = [(top, "")]  # a list instead of recursion: folders may be nested deeper than Python's calls
    known = endings()
    while waiting:
        folder, prefix = waiting.pop()
        empty = True
        with os.scandir(folder) as entries:
            for entry in entries:
                name, is_image, empty = prefix + entry.name, entry.name.lower().endswith(known), False
                if is_passed_over(entry.name):
                    others[f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else "hidden files"] += 1
                    continue
                if entry.is_symlink() and (is_image or entry.is_dir()):
                    check_link(top, entry.path, name)
                if entry.is_dir():
                    waiting += [(entry.path, f"{name}/")] if deep else []
                elif is_image and stat.S_ISREG((status := entry.stat()).st_mode):
                    yield name, (status.st_size, status.st_mtime_ns)
                else:
                    others[os.path.splitext(entry.name)[1].lower() or "other files"] += 1
        others["empty folders"] += empty and bool(prefix)
    others += Counter()  # without what is 0


def check_link(top: str, link: str, name: str) -> None:
    """Raise UserError unless the link `name` in the folder `top` leads to a file in that folder."""
    target = os.path.realpath(link)
    if not Path(target).is_relative_to(top):
        what = f"a link out of this folder, to {shortened(target)}; copy what it points to here"
    elif os.path.isdir(target):
        what = "a link to a folder; copy what it points to here"
    elif os.path.isfile(target):
        return
    else:
        what = "a link that leads nowhere; remove it"
    raise UserError(shortened(top), f"{quoted(name)} is {what}")


def listing_digest(listing: Iterable[tuple[str, Stamp]]) -> str:
    """Return a digest of names, sizes and times; it keeps a cache's identity short for any number of files."""
    digest = hashlib.sha256()
    for name, (size, time) in listing:
        digest.update(f"{name}\0{size}\0{time}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class FileNames:
    """File names of the file system, found by the names in a table: first exactly, then in Unicode's composed form
    (some systems store "é" as two characters, most tables write one)."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = set(names)
        self._composed = {unicodedata.normalize("NFC", name): name for name in sorted(self._exact)}

    def find(self, name: str, folder: str = "") -> str | None:
        """Return the file's name, or None if there is no such file. Blanks around the name count only if a file has
        them.

        The search starts in `folder`, which ends in a slash.
        """
        for place in dict.fromkeys((folder, "")):
            if place + name in self._exact:
                return place + name
            found = self._composed.get(unicodedata.normalize("NFC", place + _plain(name)))
            if found is not None:
                return found
        return None

    def near(self, name: str) -> str | None:
        """Return the only file with this name in another folder, in other case, or with an ending; None if there is not
        one."""
        word = unicodedata.normalize("NFC", _plain(name)).lower().rpartition("/")[2]
        found = self._by_word.get(word, ())
        return found[0] if len(found) == 1 else None

    @cached_property
    def _by_word(self) -> dict[str, list[str]]:
        """The files by their names without folder, and by these without ending, in lower case."""
        words: dict[str, list[str]] = {}
        for composed, name in self._composed.items():
            last = composed.lower().rpartition("/")[2]
            for word in {last, os.path.splitext(last)[0]}:
                words.setdefault(word, []).append(name)
        return words


def _plain(name: str) -> str:
    return name.strip().replace("\\", "/").removeprefix("./")
