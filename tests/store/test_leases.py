"""Locks between machines: whose lease counts for how long, who may take one over, and who stops then."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout

from semreg.store import leases
from semreg.store.leases import LeasedLock, holder, is_held, lease_of, who_has
from semreg.store.record import read_record
from semreg.store.status import run_status

ELSEWHERE = {"host": "node7", "kernel": "another", "process": 12}
HERE = ELSEWHERE | {"kernel": leases.KERNEL}


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / ".lock"


def write(lock: Path, age: float = 0.0, lease: Any = ELSEWHERE) -> None:
    """Leave a lease that was renewed so many seconds ago."""
    lease_of(lock).write_text(json.dumps(lease))
    then = os.stat(lease_of(lock)).st_mtime - age
    os.utime(lease_of(lock), (then, then))


def test_who_has_a_lock_leaves_its_machine_beside_it_until_it_is_released(tmp_path: Path) -> None:
    for lock in (tmp_path / ".lock", tmp_path / "x.lock"):
        held = LeasedLock(lock)
        held.acquire()
        told = json.loads(lease_of(lock).read_text())
        assert told == {"host": leases.HOST, "kernel": leases.KERNEL, "process": os.getpid()}
        assert is_held(lock)
        assert holder(lock) is None, "it is this machine's"
        with pytest.raises(Timeout):
            LeasedLock(lock).acquire(timeout=0)
        held.release()
        assert not is_held(lock)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "x.lock"]


@pytest.mark.parametrize("skew", [0.0, 3600.0, -3600.0])
@pytest.mark.parametrize(("age", "counts"), [(0, True), (50, True), (70, False), (-50, True), (-70, False)])
def test_a_lease_of_another_machine_counts_for_a_minute_whatever_the_clocks_say(
    age: float, counts: bool, skew: float, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lock, age)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + skew)
    assert is_held(lock) == counts
    assert who_has(lock.with_name("other.lock"), lock) == ("process 12 of node7" if counts else "another process")
    assert [path.name for path in lock.parent.iterdir()] == [".lease"], "who looks leaves nothing"


def test_where_nothing_can_be_written_the_clock_of_this_machine_counts(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**options: Any) -> None:
        raise PermissionError

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    write(lock, 50)
    assert is_held(lock)
    write(lock, 70)
    assert not is_held(lock)


def test_a_lease_of_this_machine_whose_lock_is_free_counts_for_nothing(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(lock, lease=HERE)
    assert not is_held(lock)
    held = LeasedLock(lock)
    held.acquire(timeout=0)
    assert json.loads(lease_of(lock).read_text())["process"] == os.getpid()
    assert not capsys.readouterr().err
    held.release()


def test_what_another_machine_has_is_waited_for(lock: Path) -> None:
    write(lock)
    with pytest.raises(Timeout):
        LeasedLock(lock).acquire(timeout=0.01)
    with FileLock(lock, timeout=0):
        pass
    assert json.loads(lease_of(lock).read_text()) == ELSEWHERE


def test_an_expired_lease_is_taken_over_and_that_is_said(
    lock: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SECONDS_OF_TAKING", 0.0)
    write(lock, 70)
    held = LeasedLock(lock)
    held.acquire(timeout=0)
    assert f"{lock.parent}: process 12 of node7 used it until 20" in capsys.readouterr().err
    assert not held.lost()
    held.release()
    assert not lease_of(lock).exists()


def test_of_two_that_take_one_over_at_the_same_time_the_last_has_it(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lock, 70)
    monkeypatch.setattr(time, "sleep", lambda seconds: write(lock))
    with pytest.raises(Timeout):
        LeasedLock(lock).acquire(timeout=0)
    assert json.loads(lease_of(lock).read_text()) == ELSEWHERE


def test_one_that_was_taken_over_is_told_and_leaves_it_alone(lock: Path) -> None:
    held = LeasedLock(lock)
    assert not held.lost()
    held.acquire()
    write(lock, 30)
    assert held.lost() == "process 12 of node7"
    renewed = os.stat(lease_of(lock)).st_mtime_ns
    held.renew()
    held.release()
    assert os.stat(lease_of(lock)).st_mtime_ns == renewed


def test_one_that_was_taken_over_by_who_is_done_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    held = LeasedLock(folder / ".lock")
    held.acquire()
    lease_of(folder / ".lock").unlink()
    assert held.lost() == "another process"
    shutil.rmtree(folder)
    assert not held.lost(), "who writes then says that the folder is gone"
    held.release()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"host": 1}', '{"host": "a", "kernel": "b", "process": {}}'])
def test_a_lease_that_cannot_be_read_counts_for_a_minute(content: str, lock: Path) -> None:
    lease_of(lock).write_text(content)
    assert who_has(lock) == "process 0 of another machine"
    os.utime(lease_of(lock), (1, 1))
    assert not is_held(lock)


def test_a_lease_that_is_a_link_is_not_followed(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SECONDS_OF_TAKING", 0.0)
    target = lock.with_name("target")
    target.write_text("mine")
    lease_of(lock).symlink_to(target)
    os.utime(lease_of(lock), (1, 1), follow_symlinks=False)
    held = LeasedLock(lock)
    held.acquire(timeout=0)
    assert target.read_text() == "mine"
    held.release()


def test_a_lease_is_whole_and_the_first_has_it(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content: Any = "which is no bytes"
    with pytest.raises(TypeError):
        leases._written(lease_of(lock), content)
    assert not list(lock.parent.iterdir())
    assert leases._written(lease_of(lock), b"first")
    assert not leases._written(lease_of(lock), b"second")
    assert [path.read_bytes() for path in lock.parent.iterdir()] == [b"first"]


def test_a_disk_may_have_no_hard_links(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(source: Path, target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refused)
    held = LeasedLock(lock)
    held.acquire(timeout=0)
    assert not held.lost()
    assert sorted(path.name for path in lock.parent.iterdir()) == [".lease", ".lock"]
    held.release()


def test_leases_are_renewed(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEWED", 0.01)
    monkeypatch.setattr(leases, "_HELD", leases._Held())
    held = LeasedLock(lock)
    held.acquire()
    os.utime(lease_of(lock), (1, 1))
    end = time.monotonic() + 10
    while os.stat(lease_of(lock)).st_mtime < 2:
        assert time.monotonic() < end
        time.sleep(0.005)
    held.release()


def test_a_fork_renews_nothing(lock: Path) -> None:
    held = LeasedLock(lock)
    held.acquire()
    child = os.fork()
    if not child:
        os._exit(len(leases._HELD))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert held in leases._HELD
    held.release()


def test_a_fork_waits_for_no_thread_that_it_has_not(lock: Path) -> None:
    held = LeasedLock(lock)
    held.acquire()
    with held._releasing:  # as the thread that renews has it for a moment
        child = os.fork()
        if not child:
            signal.alarm(5)
            held.release()
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert lease_of(lock).exists(), "it is the parent's"
    held.release()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_who_removes_something_needs_no_room_for_a_lease(
    code: int, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> bool:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(leases, "_written", full)
    held = LeasedLock(lock)
    with pytest.raises(OSError, match=os.strerror(code)):
        held.acquire()
    held.acquire(to_remove=True)
    assert is_held(lock)
    held.release()
    assert not is_held(lock)
    write(lock)
    with pytest.raises(Timeout):
        held.acquire(timeout=0, to_remove=True)


def test_a_run_on_another_machine_is_under_way_and_says_where(fake_run: Path) -> None:
    (fake_run / "status.json").write_text('{"state": "running"}')
    for age, state, host in ((0, "running", "node7"), (70, "stopped", None)):
        write(fake_run / ".lock", age)
        told = run_status(read_record(fake_run), datetime.now(UTC))
        assert (told.state, told.host) == (state, host)


MACHINE = """
import sys, time
from pathlib import Path
import filelock
from semreg.core import UserError
from semreg.store import leases
from semreg.store.folder import RunFolder

folder, name = sys.argv[1:]
kept = filelock.FileLock  # whose locks reach no further than this machine
filelock.FileLock = lambda path, **options: kept(f"{path}.{name}", **options)
leases.is_locked = lambda path: False
leases.HOST = leases.KERNEL = name
leases.SECONDS_OF_TAKING = 0.01
run = RunFolder(Path(folder), "x")
try:
    run.open()
    while True:
        run.append("metrics.jsonl", {"machine": name})
        print("at work", flush=True)
        time.sleep(0.01)
except UserError as error:
    sys.exit(error.text())
"""


def test_who_slept_for_minutes_stops_without_writing_on(tmp_path: Path) -> None:
    folder, log = tmp_path / "run", tmp_path / "run" / "metrics.jsonl"
    machines = []

    def machine(name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", MACHINE, str(folder), name]
        machines.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return machines[-1]

    try:
        first = machine("node1")
        assert first.stdout is not None
        assert first.stdout.readline() == "at work\n"
        assert machine("node2").communicate()[1] == (
            f"{folder}: process {first.pid} of node1 uses this run; wait for it, or stop it\n"
        )
        first.send_signal(signal.SIGSTOP)
        os.utime(folder / ".lease", (1, 1))
        second = machine("node2")
        assert second.stdout is not None
        assert second.stdout.readline() == "at work\n"
        first.send_signal(signal.SIGCONT)
        said = first.communicate()[1]
        assert f"process {second.pid} of node2 has taken this run over" in said
        assert first.returncode == 1
    finally:
        for process in machines:
            process.kill()
            process.wait()
    wrote = [json.loads(line)["machine"] for line in log.read_text().splitlines()]
    assert wrote == sorted(wrote), "the first machine wrote on"
    assert set(wrote) == {"node1", "node2"}
