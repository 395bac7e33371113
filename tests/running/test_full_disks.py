"""Disks that are full, broken or read-only: one message, nothing half-written, the same bits once that is mended."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from semreg.core import UserError
from semreg.core.errors import CannotWrite
from semreg.store.checkpoint import read_latest
from semreg.store.recipes import evaluations_of
from semreg.store.results import read_result
from tests.running.faults import Laboratory, laboratory, outcome
from tests.writes import Write, Writes, needs_proc

PARTS = 4
IN_PARTS = [pytest.param(part, marks=[pytest.mark.slow] * (part > 0)) for part in range(PARTS)]
"""All but one are slow tests: they are parts of the same writes."""
NEEDS_ROOM = ("open", "write", "mkdir", "fsync")


class Failing:
    """Makes the first write of a kind fail: on a full disk, and all after it that need room; on a disk that turned
    read-only, and all after it; or, by an error of the disk, that one alone. With `kind` empty it only lists them."""

    def __init__(self, kind: str, code: int = 0) -> None:
        self.kind, self.code = kind, code
        self.kinds: list[str] = []
        self.failed = 0

    def __call__(self, write: Write) -> None:
        if write.moment == "after":
            return
        if write.kind not in self.kinds:
            self.kinds.append(write.kind)
        first = write.kind == self.kind and not self.failed
        again = self.failed and self.code != errno.EIO and (self.code == errno.EROFS or write.action in NEEDS_ROOM)
        if first or again:
            self.failed += 1
            raise OSError(self.code, os.strerror(self.code), str(write.path))


class Known:
    """The run that nothing happens to."""

    def __init__(self, lab: Laboratory, folder: Path) -> None:
        self.lab = lab
        folder.mkdir()
        kinds = self.run(folder, Failing("")).kinds
        self.kinds = [kind for kind in kinds if kind.split()[0] != "unlink" or ".lease" not in kind]
        """All but letting a lease go, which expires: nothing is said of that."""
        self.outcome = outcome(folder)

    def run(self, folder: Path, failing: Failing) -> Failing:
        with self.lab.monkeypatch.context() as patch:
            Writes(folder, failing, patch)
            self.lab.run(folder)
        return failing


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    folder = tmp_path_factory.mktemp("disks")
    with laboratory(folder) as lab:
        yield Known(lab, folder / "whole")


def error_at(kind: str, number: int) -> int:
    needs_room = kind.split(maxsplit=1)[0] in NEEDS_ROOM
    return (errno.ENOSPC if needs_room else errno.EROFS) if number % 2 or kind.endswith("half") else errno.EIO


@needs_proc
@pytest.mark.parametrize("part", IN_PARTS)
def test_writes_that_fail_are_told_and_the_run_goes_on(known: Known, part: int, tmp_path: Path) -> None:
    """It fails at one write after the other, goes on from there each time, and ends with the bits of one without."""
    for number, kind in enumerate(known.kinds[part::PARTS]):
        failing = Failing(kind, error_at(kind, number))
        try:
            with pytest.raises(UserError) as told:
                known.run(tmp_path, failing)
            check_failure(told.value.text(), tmp_path, failing)
        except BaseException as error:
            error.add_note(f"failed at: {kind}, {os.strerror(failing.code)}")
            raise
    known.lab.run(tmp_path)
    assert outcome(tmp_path) == known.outcome


def check_failure(said: str, folder: Path, failing: Failing) -> None:
    assert failing.failed
    assert said.startswith(str(folder))
    assert f"{os.strerror(failing.code)}; " in said
    assert "\n" not in said
    if failing.code == errno.ENOSPC:
        assert list(folder.rglob(".*.part*")) == []
    for checkpoints in folder.glob("runs/*/checkpoints"):
        state, notes = read_latest(checkpoints)
        assert notes == []
        assert state or not list(checkpoints.glob("[0-9]*"))


@needs_proc
def test_evaluating_again_without_room_leaves_the_result_there_was(known: Known, tmp_path: Path) -> None:
    known.lab.run(tmp_path)
    [run] = tmp_path.glob("runs/recipe-*")
    failing = Failing("write evaluations/.pictured-#.#.part/result.json half", errno.ENOSPC)
    with known.lab.monkeypatch.context() as patch:
        Writes(tmp_path, failing, patch)
        with pytest.raises(CannotWrite, match="No space left on device; fix this; then the same command"):
            known.lab.evaluate(tmp_path, run)
    assert read_result(evaluations_of(run, "recipe")["pictured"]).figures
    known.lab.evaluate(tmp_path, run)
    assert outcome(tmp_path) == known.outcome


# --- a real disk ---


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """`disk(options)` mounts a small disk of memory at `tmp_path / "runs"`, or changes it."""
    folder = tmp_path / "runs"
    folder.mkdir()

    def mount(options: str) -> None:
        again = "remount," if folder.is_mount() else ""
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", again + options, "none", str(folder)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"a disk can't be mounted here: {done.stderr.strip()}")

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount here")
def test_a_real_disk_that_is_full_then_read_only_then_mended(
    known: Known, tmp_path: Path, disk: Callable[[str], None]
) -> None:
    said = []
    for options in ("size=60k", "ro,size=8m"):
        disk(options)
        result = known.lab.command(tmp_path)
        assert result.exit_code == 2
        assert result.stdout == ""
        said.append([line for line in result.stderr.splitlines() if "cannot be written" in line])
    for [line], reason in zip(
        said, ("No space left on device; fix this", "Read-only file system; fix this"), strict=True
    ):
        assert line.startswith(str(tmp_path / "runs" / "recipe-"))
        assert f"cannot be written: {reason}" in line
    disk("rw,size=8m")
    assert known.lab.command(tmp_path).exit_code == 0
    assert outcome(tmp_path) == known.outcome
