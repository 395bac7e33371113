"""The caches of data sets as a collection: their names, sizes, last use, processes that use them, and removal.

It reads folders with the standard library only. A process that has the pixels of a cache open holds a shared lock on
its `cache.json`. A process that removes a cache needs an exclusive lock on it, and the lock that protects building.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from filelock import Timeout

from semreg.core import UserError
from semreg.data.shards import shard_rows
from semreg.store.disk import discard, is_locked, read_object, size_of, tidy, writing
from semreg.store.leases import LeasedLock, is_held

LIMIT = "SEMREG_CACHE_LIMIT"
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?) ?([kMGT]?)B?", re.IGNORECASE)
HEADER = "cache.json"
"""This file is written last; a folder without it is an incomplete cache."""
_NAME = re.compile(r"(?P<dataset>.+)-[0-9a-f]{16}")
_PARTIAL = re.compile(r"\.(?P<name>.+-[0-9a-f]{16})\.partial")
_ADVICE = "fix this, and repeat the command"


class CacheIsBusy(UserError):  # noqa: N818  a finding rather than a failure
    """A process uses a cache, or builds it."""


@dataclass(frozen=True)
class KeptCache:
    """A cache of a data set. `half` marks an incomplete one that a killed process left."""

    folder: Path
    dataset: str
    """The class of the data set, in lower case."""
    size: int
    """In bytes."""
    used: datetime
    """When the cache was last opened or built."""
    images: int | None
    """The number of images; None if it can't be read."""
    shape: tuple[int, ...]
    """Channels, height and width; empty if the cache has no images or the shape can't be read."""
    busy: bool
    """Whether a process uses or builds it."""
    half: bool = False
    decoded: int | None = None
    """How many images the cache stores decoded, if not all; the others are decoded on each reading."""

    def as_dictionary(self) -> dict[str, Any]:
        """Return its values in types that JSON has."""
        own = {key: getattr(self, key) for key in ("dataset", "size", "images", "decoded", "busy", "half")}
        return {"name": self.folder.name, **own, "shape": list(self.shape), "used": self.used.isoformat()}


def cache_folder() -> Path:
    """Return the folder of caches: `$SEMREG_CACHE`, else `semreg` in the user's cache folder."""
    named = os.environ.get("SEMREG_CACHE")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "semreg"


def cache_limit() -> int | None:
    """Return how many bytes the images of a new cache may take: `$SEMREG_CACHE_LIMIT`, such as `200 GB`; None for no
    limit. Raises UserError if the variable is not an amount."""
    written = os.environ.get(LIMIT)
    if not written:
        return None
    found = _AMOUNT.fullmatch(written.strip())
    if found is None:
        raise UserError(LIMIT, f"{written!r} is not an amount; expected 200 GB, 500 MB or a number of bytes")
    return int(float(found[1]) * 1000 ** " kmgt".index(found[2].lower() or " "))


def building_lock(cache: Path) -> LeasedLock:
    """Return the lock that a process holds while it builds or removes a cache."""
    return LeasedLock(cache.with_name(f".{cache.name}.lock"))


def held(cache: Path) -> Callable[[], None]:
    """Keep others from removing a cache until the returned function is called or this process ends.

    The time of last use becomes now.
    """
    descriptor = -1
    with contextlib.suppress(OSError):  # on a disk without locks, or one that can't be written, it is used as it is
        descriptor = os.open(cache / HEADER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        os.utime(cache / HEADER)
    return partial(os.close, descriptor) if descriptor >= 0 else lambda: None


def kept_caches(folder: Path) -> list[KeptCache]:
    """Return the caches in a folder, the one used last first. Raises UserError if the folder can't be read."""
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(str(folder), f"the caches can't be read: {error.strerror or error}") from error
    found = [one for name in names if (one := _kept(folder / name)) is not None]
    return sorted(found, key=lambda one: one.used, reverse=True)


def _kept(path: Path) -> KeptCache | None:
    """Return the facts about a cache; None for a folder that isn't a cache."""
    whole, half = _NAME.fullmatch(path.name), _PARTIAL.fullmatch(path.name)
    if not (whole or half) or path.is_symlink() or not path.is_dir():
        return None
    name = half["name"] if half else path.name
    parts = _NAME.fullmatch(name)
    header: dict[str, Any] = {}
    with contextlib.suppress(UserError):
        header = read_object(path / HEADER) or {}
    count = header.get("count")
    try:
        when = os.stat(path / HEADER if header else path).st_mtime
    except OSError:
        when = 0.0
    return KeptCache(
        folder=path,
        dataset=parts["dataset"] if parts else name,
        size=size_of(path),
        used=datetime.fromtimestamp(when, UTC).replace(microsecond=0),
        images=count if isinstance(count, int) else None,
        shape=_shape(header),
        busy=_is_busy(path, name),
        half=half is not None,
        decoded=_decoded(header),
    )


def _shape(header: dict[str, Any]) -> tuple[int, ...]:
    try:
        image = header["fields"]["image"]
        return tuple(int(image[key]) for key in ("channels", "height", "width"))
    except (KeyError, TypeError, ValueError):
        return ()


def _decoded(header: dict[str, Any]) -> int | None:
    count, kept, shape = header.get("count"), header.get("kept"), _shape(header)
    if not (isinstance(count, int) and isinstance(kept, int) and shape) or min(shape) < 1:
        return None
    decoded = kept * shard_rows((count, *shape))
    return decoded if decoded < count else None


def _is_busy(path: Path, name: str) -> bool:
    return is_held(path.with_name(f".{name}.lock")) or is_locked(path / HEADER, or_shared=True)


@contextlib.contextmanager
def _alone(path: Path, name: str) -> Iterator[None]:
    """Keep other processes from opening or building a cache inside the block. Raises CacheIsBusy, OSError."""
    lock = building_lock(path.with_name(name))
    try:
        lock.acquire(timeout=0, to_remove=True)
    except Timeout:
        raise CacheIsBusy(str(path), "a process builds it; wait for that, or stop it") from None
    try:
        with _held_alone(path / HEADER):
            yield
    finally:
        lock.release()


@contextlib.contextmanager
def _held_alone(header: Path) -> Iterator[None]:
    try:
        descriptor = os.open(header, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:  # half a cache, which nobody opens
        yield
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CacheIsBusy(str(header.parent), "a process uses it; wait for that, or stop it") from None
        yield
    finally:
        os.close(descriptor)


def clear(cache: KeptCache) -> None:
    """Remove a cache, completely or not at all; its next use rebuilds it. Raises CacheIsBusy, CannotWrite."""
    name = cache.folder.name if not cache.half else cache.folder.name[1:].removesuffix(".partial")
    with writing(cache.folder, _ADVICE), _alone(cache.folder, name):
        discard(cache.folder)


def tidy_caches(folder: Path) -> None:
    """Remove caches that a killed process left half removed. Raises CannotWrite."""
    with writing(folder, _ADVICE):
        tidy(folder)
