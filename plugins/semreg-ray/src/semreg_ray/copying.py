"""The folder of a run where nodes don't see it: it goes along with the trial, and comes back as it changes."""

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
"""Where what came back lies before it is in its place."""
STAYING = (".lock", ".lease")
"""What is said of processes of one machine; so are hidden files, and those that are being written are hidden."""


@dataclass(frozen=True)
class Sent:
    """The folder of a run, whose parent the arguments name by `--out`, and what it holds."""

    folder: str
    content: bytes


def sent(folder: Path) -> Sent:
    """The folder of a run, to go along."""
    return Sent(str(folder), packed(folder))


@contextlib.contextmanager
def placed(sent: Sent, arguments: Sequence[str], log: str) -> Iterator[tuple[Path, list[str], str]]:
    """A folder of this node alone with what was sent, and arguments and log that name it, until the trial has ended."""
    out = os.path.dirname(sent.folder)
    with tempfile.TemporaryDirectory(prefix="semreg-ray-", ignore_cleanup_errors=True) as here:

        def moved(text: str) -> str:
            return here + text[len(out) :] if text == out or text.startswith(f"{out}{os.sep}") else text

        folder = Path(moved(sent.folder))
        unpack(sent.content, folder)
        yield folder, [moved(text) for text in arguments], moved(log)


def checkpoints(folder: Path) -> set[str]:
    """The names of the checkpoints of a run that are whole."""
    try:
        return {name for name in os.listdir(folder / CHECKPOINTS) if name.isdecimal()}
    except OSError:
        return set()


def packed(folder: Path) -> bytes:
    """What the folder of a run holds, but for hidden files and locks.

    Checkpoints come first: what else is there may be newer, as in a run that was killed. Raises FileNotFoundError if
    something was removed meanwhile.
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
    """Bring a run's folder to what was packed: each checkpoint at once, then each other file, and checkpoints that are
    no more go last, so that it is a run that goes on wherever this is interrupted."""
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
