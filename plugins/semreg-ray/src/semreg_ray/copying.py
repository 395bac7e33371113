"""Copies of a run's folder for nodes that can't see it: it is sent with the trial, and returns as it changes."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKPOINTS = "checkpoints"
PART = ".copied"
"""The name of returned files until they are complete."""
STAYING = (".lock", ".lease")
"""Files about processes of one machine are not copied; nor are hidden files, such as those that are being written."""


@dataclass(frozen=True)
class Sent:
    """The folder of a run and its contents; the arguments name its parent by `--out`."""

    folder: str
    content: bytes


def sent(folder: Path) -> Sent:
    """Return the folder of a run, to send."""
    return Sent(str(folder), packed(folder))


@contextlib.contextmanager
def placed(sent: Sent, arguments: Sequence[str], log: str) -> Iterator[tuple[Path, list[str], str]]:
    """Make a folder on this node with the sent files, and arguments and log that name it, until the trial has ended."""
    out = os.path.dirname(sent.folder)
    with tempfile.TemporaryDirectory(prefix="semreg-ray-", ignore_cleanup_errors=True) as here:

        def moved(text: str) -> str:
            return here + text[len(out) :] if text == out or text.startswith(f"{out}{os.sep}") else text

        folder = Path(moved(sent.folder))
        unpack(sent.content, folder)
        yield folder, [moved(text) for text in arguments], moved(log)


def checkpoints(folder: Path) -> set[str]:
    """Return the names of a run's complete checkpoints."""
    try:
        return {name for name in os.listdir(folder / CHECKPOINTS) if name.isdecimal()}
    except OSError:
        return set()


def packed(folder: Path) -> bytes:
    """Pack the contents of a run's folder, except hidden files and locks.

    Checkpoints come first: the other files may be newer, as in a killed run. Raises FileNotFoundError if a file was
    removed meanwhile.
    """
    held = checkpoints(folder)
    names = [f"{CHECKPOINTS}/{name}" for name in sorted(held)]
    names += [name for name in sorted(os.listdir(folder)) if name != CHECKPOINTS]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            archive.add(folder / name, name, filter=_kept)
    return buffer.getvalue()


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = os.path.basename(member.name)
    return None if name.startswith(".") or name.endswith(STAYING) else member


def unpack(content: bytes, folder: Path) -> None:
    """Update a run's folder to the packed contents: first each checkpoint, then each other file; removed checkpoints
    are deleted last. So the run can resume if this is interrupted at any point."""
    part = folder / PART
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(part, filter="data")
    there, now = checkpoints(folder), checkpoints(part)
    (folder / CHECKPOINTS).mkdir(exist_ok=True)
    for name in sorted(now - there):
        (part / CHECKPOINTS / name).rename(folder / CHECKPOINTS / name)
    for file in sorted(part.rglob("*")):
        if file.is_file():
            place = folder / file.relative_to(part)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
    for name in there - now:
        shutil.rmtree(folder / CHECKPOINTS / name)
    shutil.rmtree(part)
