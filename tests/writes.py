"""Every write below a folder, seen one by one: to keep what a kill there would leave, or to make it fail.

A killed process leaves the disk as it is at that instant, and its memory is gone. So a copy of the disk, taken there,
is what a kill there leaves, and one run shows what kills at all its writes leave.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BY_DESCRIPTOR = "/proc/self/fd"
needs_proc = pytest.mark.skipif(not Path(BY_DESCRIPTOR).is_dir(), reason="the paths of open files are read from /proc")


@dataclass(frozen=True)
class Write:
    """A write that is about to be done ("before"), is done by half ("half"), or is done ("after").

    The path is relative to the folder that is watched.
    """

    action: str
    path: Path
    moment: str

    @property
    def kind(self) -> str:
        """What is done to which sort of file: numbers, hashes and process ids left out."""
        return f"{self.action} {re.sub(r'[0-9a-f]{6,}|[0-9]+', '#', '/'.join(self.path.parts[-3:]))} {self.moment}"


class Writes:
    """Tells `see` of every write below a folder, until the monkeypatch is undone."""

    def __init__(self, folder: Path, see: Callable[[Write], None], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.see = folder, see
        self.inodes: set[int] = set()
        self._open, self._os_open = io.open, os.open
        for module in (builtins, io):
            monkeypatch.setattr(module, "open", self.open)
        monkeypatch.setattr(os, "open", self.os_open)
        for name in ("mkdir", "rmdir", "unlink", "remove", "rename", "replace", "fsync", "chmod"):
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))

    def unseen(self) -> list[str]:
        """The files there are now that were not written through here."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return [str(path) for path in files if path.stat().st_ino not in self.inodes]

    @contextlib.contextmanager
    def doing(self, action: str, path: Path) -> Iterator[None]:
        self.see(Write(action, path, "before"))
        yield
        self.see(Write(action, path, "after"))

    def inside(self, path: Any, dir_fd: int | None = None) -> Path | None:
        """The path below the folder, if it is there."""
        if isinstance(path, int):
            path = os.readlink(f"{BY_DESCRIPTOR}/{path}")
        elif dir_fd is not None:
            path = os.path.join(os.readlink(f"{BY_DESCRIPTOR}/{dir_fd}"), path)
        path = Path(os.fsdecode(path))
        return path.relative_to(self.folder) if path.is_relative_to(self.folder) else None

    def open(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        path = None if isinstance(file, int) or not set(mode) & set("wax+") else self.inside(file)
        if path is None:
            return self._open(file, mode, *arguments, **options)
        with self.doing("open", path):
            opened = self._open(file, mode, *arguments, **options)
            self.inodes.add(os.fstat(opened.fileno()).st_ino)
        return File(opened, path, self)

    def os_open(self, file: Any, flags: int, *arguments: Any, **options: Any) -> int:
        path = self.inside(file, options.get("dir_fd")) if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) else None
        with self.doing("open", path) if path is not None else contextlib.nullcontext():
            descriptor = self._os_open(file, flags, *arguments, **options)
            self.inodes.add(os.fstat(descriptor).st_ino)
        return descriptor

    def _watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(path: Any, *arguments: Any, **options: Any) -> Any:
            found = self.inside(path, options.get("dir_fd"))
            with self.doing(name, found) if found is not None else contextlib.nullcontext():
                return function(path, *arguments, **options)

        return watched


class File:
    """An open file, whose writes reach the disk at once, in two halves."""

    def __init__(self, file: Any, path: Path, writes: Writes) -> None:
        self.file, self.path, self.writes = file, path, writes

    def write(self, content: Any) -> int:
        with self.writes.doing("write", self.path):
            half = len(content) // 2
            self.file.write(content[:half])
            self.file.flush()
            self.writes.see(Write("write", self.path, "half"))
            self.file.write(content[half:])
            self.file.flush()
        return len(content)

    def truncate(self, size: int | None = None) -> int:
        with self.writes.doing("truncate", self.path):
            length: int = self.file.truncate(size)
        return length

    def __enter__(self) -> File:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class Copies:
    """Keeps a copy of the folder for each write in it: what a kill before, half-way and after would leave.

    What is left after a write is what is left before the next one, so there is a copy before each write and half-way
    through it, where the disk changed since the last. Of several of one kind, the first and the last are kept, or all.
    """

    def __init__(self, folder: Path, copies: Path, *, everything: bool = False) -> None:
        self.folder, self.copies, self.everything = folder, copies, everything
        self.taken: dict[str, list[Path]] = {}
        self._busy, self._last, self._count = False, "", 0

    def __call__(self, write: Write) -> None:
        if self._busy or write.moment == "after":
            return
        self._busy = True
        now = self._listing()
        if now != self._last:
            self._last, self._count = now, self._count + 1
            taken = self.taken.setdefault(write.kind, [])
            if len(taken) == 2 and not self.everything:
                shutil.rmtree(taken.pop())
            taken.append(self.copies / f"{self._count:04d}")
            shutil.copytree(self.folder, taken[-1])
        self._busy = False

    def _listing(self) -> str:
        stats = ((path, path.stat()) for path in sorted(self.folder.rglob("*")))
        return str([(str(path), s.st_ino, path.is_file() and (s.st_size, s.st_mtime_ns)) for path, s in stats])
