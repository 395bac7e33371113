"""Files and folders that are whole or absent, at whatever instant a process is killed or the disk is full."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from semreg.core import UserError
from semreg.core.errors import CannotWrite

MOST_OF_A_FILE, MOST_OF_A_LOG = 2**26, 2**30
"""The most bytes read of a table or a picture, and of a log, which grows with a run: no real one has more."""

LEFT_BEHIND = ".*.part"
"""The names of files that a process is writing or removing; its number is before the suffix."""

WHEN_MENDED = "fix this; then the same command resumes from the last checkpoint"


@contextlib.contextmanager
def writing(folder: Path, advice: str = WHEN_MENDED) -> Iterator[None]:
    """Raise a failure to write as CannotWrite, which names the folder and states what to do."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(str(folder), f"cannot be written: {error.strerror or error}; {advice}") from error


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that stays unchanged until the new one is whole on the disk. Raises OSError, and leaves no partial
    file.
    """
    part = _part(path)
    try:
        write_synced(part, content)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their paths in `folder`, beside its other contents: all of them or none. Creates the folder.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", suffix=f".{os.getpid()}.part", dir=folder) as part:
        for number, content in enumerate(files.values()):
            write_synced(Path(part, str(number)), content)
        for number, name in enumerate(files):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Path(part, str(number)).replace(folder / name)
    sync(folder)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Provide a new folder for synced files, which replaces `path` at the end; on an error it is removed.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    _remove(part)
    try:
        part.mkdir()
        yield part
        sync(part)
        discard(path)
        part.rename(path)
        sync(path.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def discard(folder: Path) -> None:
    """Remove a folder, if it exists, so that its name never belongs to a partial one. Raises OSError."""
    part = _part(folder.with_name(f"{folder.name}.old"))
    _remove(part)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(part)
        _remove(part)


def tidy(folder: Path) -> None:
    """Remove partial files and folders that killed processes left. Raises OSError."""
    for part in folder.glob(LEFT_BEHIND):
        if not _in_other_hands(part):
            _remove(part)


def _part(path: Path) -> Path:
    """Return the path where this process writes the future content of a path: several may do so at a time."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _in_other_hands(part: Path) -> bool:
    """Return whether another process of this machine may still write a partial file."""
    number = part.suffixes[-2].lstrip(".") if len(part.suffixes) > 1 else ""
    if not number.isdecimal() or int(number) == os.getpid():
        return False
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    return True


def read_file(path: Path, *, most: int = MOST_OF_A_FILE, start: int = 0) -> bytes:
    """Read a file of a possibly untrusted folder, from byte `start` on, or that far from its end.

    Raises OSError for a link, a folder, a device or a pipe, and for more than `most` bytes.
    """
    try:
        file = open(path, "rb", opener=_open_without_following)  # noqa: SIM115  closed below
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(f"{path.name} is a link, which no run makes") from error
        raise
    with file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path.name} is not a file")
        begin = max(0, found.st_size + start) if start < 0 else min(start, found.st_size)
        size = found.st_size - begin
        if size > most:
            raise OSError(f"{path.name} has {size:,} bytes; no run writes more than {most:,}")
        file.seek(begin)
        return file.read(size)


def read_if_there(path: Path, *, most: int = MOST_OF_A_FILE) -> bytes | None:
    """Read a file as `read_file` does; None if it doesn't exist. Raises UserError if it can't be read."""
    try:
        return read_file(path, most=most)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(str(path), f"cannot be read: {error.strerror or error}") from error


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file of a possibly untrusted folder; None if the file doesn't exist.

    Raises UserError if it is damaged, or not a file.
    """
    read = read_if_there(path)
    if read is None:
        return None
    try:
        content = json.loads(read)
    except (ValueError, RecursionError) as error:
        raise UserError(str(path), f"cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise UserError(str(path), f"should hold an object, holds {type(content).__name__}")
    return content


def is_name(value: Any) -> bool:
    """Return whether a value names a folder beside the others, and not one elsewhere."""
    return isinstance(value, str) and value not in ("", ".", "..") and not set("/\\\0") & set(value)


def write_object(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file that is whole or unchanged. Raises OSError."""
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_locked(path: Path, *, or_shared: bool = False) -> bool:
    """Return whether a process holds a file's lock exclusively or, with `or_shared`, together with others.

    It never creates or writes the file, which may be someone else's, or read-only.
    """
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if or_shared else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all readable files below a folder; links are not followed."""
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size if os.path.lexists(path) else 0
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def memory() -> int:
    """Return the bytes of memory of this machine: tensors in a file can't take more."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _open_without_following(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
