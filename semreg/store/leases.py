"""Locks that hold between machines, too: a file's lock, which a kernel keeps, and a lease beside it.

The lock (`flock`) ends with its process, at whatever instant that is killed, but not every shared file system keeps it
between machines. So the owner of `NAME.lock` also writes `NAME.lease`, which names its machine, and renews it every ten
seconds. A lease of this machine has no effect, since the lock covers its processes. A lease of another machine is valid
for a minute after each renewal, by the clock of the file system, so that the machines' clocks may differ.
"""

from __future__ import annotations

import _thread
import errno
import json
import os
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from semreg.store.disk import is_locked, read_file, write_whole
from semreg.store.messages import say

EXPIRES, RENEWED = 60.0, 10.0
"""Seconds after which an unrenewed lease expires, and between two renewals."""
SECONDS_OF_TAKING = SECONDS_BETWEEN_LOOKS = 1.0
"""The delay, on taking a lease over, for others that do so at the same time, and between looks while waiting."""
MOST_OF_A_LEASE = 2**12
FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a disk without room for a lease."""
HOST = os.uname().nodename


def _kernel() -> str:
    """Return a text that processes share exactly if one kernel keeps their locks."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return HOST


KERNEL = _kernel()


@dataclass(frozen=True)
class Lease:
    """The owner of a lock."""

    host: str
    kernel: str
    process: int

    def text(self) -> str:
        """Name a process of another machine for a message."""
        return f"process {self.process} of {self.host}"


UNKNOWN = Lease("another machine", "", 0)
"""The owner of an unreadable lease, such as one that is being written."""


def lease_of(lock: Path) -> Path:
    """Return the lease file beside a lock."""
    return lock.with_name(f"{lock.name.removesuffix('.lock')}.lease")


def holder(lock: Path) -> Lease | None:
    """Return the owner of a lock on another machine; None if there is none."""
    lease = _read(lock)
    return lease if lease is not None and lease.kernel != KERNEL and not _expired(lease_of(lock)) else None


def is_held(lock: Path) -> bool:
    """Return whether a process of this machine or of another has a lock. The file itself is not changed."""
    return is_locked(lock) or holder(lock) is not None


def who_has(*locks: Path) -> str:
    """Return the owner of one of several locks, as a message names it."""
    return next((lease.text() for lock in locks if (lease := holder(lock)) is not None), "another process")


class LeasedLock:
    """A lock with its lease, for one process at a time on all machines that share its folder."""

    def __init__(self, lock: Path) -> None:
        from filelock import FileLock  # for `semreg runs`, which only looks, it takes long to import

        self.lock, self._flock = lock, FileLock(lock, thread_local=False)
        self._releasing = threading.Lock()

    def acquire(self, timeout: float = -1.0, *, to_remove: bool = False) -> None:
        """Acquire the lock. Raises OSError, and Timeout after so many seconds; a timeout below 0 waits forever.

        With `to_remove`, to delete the locked folder, a full disk doesn't matter: then there is no lease.
        """
        from filelock import Timeout

        end = time.monotonic() + timeout if timeout >= 0 else float("inf")
        while True:
            self._flock.acquire(timeout=-1 if timeout < 0 else max(0.0, end - time.monotonic()))
            try:
                if self._take():
                    _HELD.keep(self)
                    return
            except BaseException as error:
                if to_remove and isinstance(error, OSError) and error.errno in FULL:
                    return
                self._flock.release()
                raise
            self._flock.release()
            left = end - time.monotonic()
            if left <= 0:
                raise Timeout(str(self.lock))
            time.sleep(min(left, SECONDS_BETWEEN_LOOKS))

    def release(self) -> None:
        """Release it, if this process has it; a lease that another process now has stays."""
        if self in _HELD:  # in a fork nothing is, and the thread may have held the other lock in that moment
            with self._releasing, suppress(OSError):
                _HELD.discard(self)
                if not self._other():
                    lease_of(self.lock).unlink()
        self._flock.release()

    def lost(self) -> str:
        """Return who has taken it over after this process didn't answer for a minute; empty if nobody has.

        Raises OSError if that can't be read.
        """
        return self._other() if self in _HELD else ""

    def _other(self) -> str:
        """Return whose the lease is, if it isn't this process's."""
        try:
            found = _parsed(read_file(lease_of(self.lock), most=MOST_OF_A_LEASE))
        except FileNotFoundError:  # another has had it, and is done, unless all of it was removed
            return "another process" if self.lock.exists() else ""
        return "" if found == _own() else found.text()

    def renew(self) -> None:
        """Renew the lease as long as this process has the lock."""
        with self._releasing, suppress(OSError):
            if self in _HELD and not self._other():
                os.utime(lease_of(self.lock))

    def _take(self) -> bool:
        """Write the lease, unless another machine has a valid one. This process has the lock."""
        file, before = lease_of(self.lock), _read(self.lock)
        content = json.dumps(asdict(_own())).encode()
        if before is None:
            return _written(file, content)
        foreign = before.kernel != KERNEL
        if foreign and not _expired(file):
            return False
        until = datetime.fromtimestamp(_renewed(file), UTC)
        write_whole(file, content)
        if foreign:
            time.sleep(SECONDS_OF_TAKING)
            if self._other():
                return False
            when = f"{until:%Y-%m-%d %H:%M:%S} UTC"
            say(f"{self.lock.parent}: {before.text()} used it until {when}, and has ended")
        return True


class _Held(set[LeasedLock]):
    """The locks of this process, whose leases one thread renews."""

    renewed_in: int | None = None
    """The process whose thread renews: a fork has no such thread."""

    def keep(self, lock: LeasedLock) -> None:
        """Renew the lease of a lock until its release, or the end of this process."""
        self.add(lock)
        if self.renewed_in != os.getpid():
            self.renewed_in = os.getpid()
            # No `threading.Thread`, which can't be made where a plugin has taken `sys.excepthook` away.
            _thread.start_new_thread(self._renew, ())

    def _renew(self) -> None:
        while True:
            time.sleep(RENEWED)
            for lock in tuple(self):
                lock.renew()


_HELD = _Held()
os.register_at_fork(after_in_child=_HELD.clear)


def _written(file: Path, content: bytes) -> bool:
    """Write a whole lease if there is none; return whether no other process was faster. Raises OSError."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        try:
            os.link(part, file)
        except FileExistsError:
            return False
        except OSError:  # as on a disk without hard links: of two at the same instant the last has it
            part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return True


def _own() -> Lease:
    return Lease(HOST, KERNEL, os.getpid())


def _read(lock: Path) -> Lease | None:
    """Return who wrote the lease of a lock; None if there is none."""
    try:
        return _parsed(read_file(lease_of(lock), most=MOST_OF_A_LEASE))
    except FileNotFoundError:
        return None
    except OSError:
        return UNKNOWN


def _parsed(content: bytes) -> Lease:
    """Parse a lease, which may be untrusted."""
    try:
        table = json.loads(content)
        return Lease(str(table["host"]), str(table["kernel"]), int(table["process"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return UNKNOWN


def _expired(file: Path) -> bool:
    """Return whether a lease was not renewed for a minute; one from the future is expired, too."""
    return abs(_now(file.parent) - _renewed(file)) > EXPIRES


def _renewed(file: Path) -> float:
    """Return when a lease was renewed, by the clock of its file system; long ago if it is missing."""
    try:
        return os.lstat(file).st_mtime
    except FileNotFoundError:
        return 0.0


def _now(folder: Path) -> float:
    """Return the time by the clock of a folder's file system, or by this machine's if the folder can't be written."""
    try:
        with tempfile.TemporaryFile(dir=folder) as new:
            return os.fstat(new.fileno()).st_mtime
    except OSError:
        return time.time()
