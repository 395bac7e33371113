"""Files and folders are whole or as they were; what a killed process left is removed."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from semreg.core import UserError
from semreg.core.errors import CannotWrite
from semreg.store import disk
from semreg.store.disk import (
    discard,
    is_locked,
    is_name,
    memory,
    read_file,
    read_if_there,
    read_object,
    size_of,
    tidy,
    whole_folder,
    write_files,
    write_synced,
    write_whole,
    writing,
)


def broken(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, broken)
            with pytest.raises(OSError, match="Input/output"):
                write_whole(path, b"new")
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_folder_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "above" / "folder"

    def write(content: bytes) -> None:
        with whole_folder(path) as part:
            write_synced(part / "file", content)

    write(b"old")
    for name in ("fsync", "rename"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, broken)
            with pytest.raises(OSError, match="Input/output"):
                write(b"new")
        assert (path / "file").read_bytes() == b"old"
        assert list(path.parent.iterdir()) == [path]
    write(b"new")
    assert (path / "file").read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_what_killed_processes_left_is_in_nobodys_way_and_removed(tmp_path: Path) -> None:
    for name in (f".a.{os.getpid()}.part", f".a.old.{os.getpid()}.part"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "file").write_text("")
    with whole_folder(tmp_path / "a") as part:
        write_synced(part / "file", b"")
    (tmp_path / ".b.json.99999999.part").write_text("half")
    (tmp_path / ".c.part").symlink_to(tmp_path / "a")
    discard(tmp_path / "nothing")
    tidy(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "file"]
    tidy(tmp_path / "nowhere")


def test_what_others_are_writing_stays(tmp_path: Path) -> None:
    for name in (os.getppid(), 1):  # the first process is another user's
        (tmp_path / f".a.{name}.part").write_text("half")
    with whole_folder(tmp_path / "a") as part:
        write_synced(part / "file", b"")
    tidy(tmp_path)
    assert len(list(tmp_path.glob(".a.*.part"))) == 2


def test_what_cannot_be_written_is_told_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite) as told, writing(tmp_path, "do something"):
        broken()
    assert told.value.text() == f"{tmp_path}: cannot be written: Input/output error; do something"


def test_an_object_is_read_from_a_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "object.json"
    assert read_object(path) is None
    path.write_text('{"a": [1]}')
    assert read_object(path) == {"a": [1]}
    for content in (b"{", b"\xff", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"object\.json: cannot be read: "):
            read_object(path)
    path.write_text("[]")
    with pytest.raises(UserError, match=r"object\.json: should hold an object, holds list"):
        read_object(path)
    path.unlink()
    other = tmp_path / "other.json"
    other.write_text("{}")
    descriptors = len(os.listdir("/dev/fd"))
    for make in (lambda: path.symlink_to(other), lambda: os.mkfifo(path), path.mkdir):
        make()
        with pytest.raises(UserError, match=r"object\.json: cannot be read: "):
            read_object(path)
        path.rmdir() if path.is_dir() else path.unlink()
    assert len(os.listdir("/dev/fd")) == descriptors


def sparse(path: Path, size: int) -> None:
    """A file that says it is large, and takes no room."""
    with path.open("wb") as file:
        file.truncate(size)


def test_a_file_is_read_from_anywhere_and_up_to_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert read_file(path) == read_file(path, most=10) == b"0123456789"
    assert read_file(path, start=7) == read_file(path, start=-3, most=3) == b"789"
    assert read_file(path, start=-20) == b"0123456789"
    assert read_file(path, start=20) == b""
    with pytest.raises(OSError, match="file has 10 bytes; no run writes more than 9"):
        read_file(path, most=9)
    sparse(path, 2**40)
    with pytest.raises(OSError, match="file has 1,099,511,627,776 bytes; no run writes more than 67,108,864"):
        read_file(path)
    with pytest.raises(OSError, match="no run writes"):
        read_file(path, most=memory())


def test_what_is_no_file_is_told_at_once_and_what_is_absent_is_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert read_if_there(path) is None
    made = {
        "is a link, which no run makes": lambda: path.symlink_to("/dev/zero"),
        "is not a file": lambda: os.mkfifo(path),
        "Is a directory|is not a file": path.mkdir,
    }
    for said, make in made.items():
        make()
        with pytest.raises(UserError, match=f"file: cannot be read: .*({said})"):
            read_if_there(path)
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def test_files_are_written_beside_others_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "above" / "folder"
    write_files(folder, {"a": b"old", "deep/b": b"old"})
    (folder / "mine").write_text("kept")
    whole, written = disk.write_synced, []

    def full(path: Path, content: bytes) -> None:
        whole(path, content)
        written.append(path)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(disk, "write_synced", full)
        with pytest.raises(OSError, match="No space"):
            write_files(folder, {"a": b"new", "c": b"new"})
    assert len(written) == 2
    assert (folder / "a").read_bytes() == b"old"
    assert sorted(path.name for path in folder.rglob("*")) == ["a", "b", "deep", "mine"]
    write_files(folder, {"a": b"new", "c": b"new"})
    assert [(folder / name).read_text() for name in ("a", "deep/b", "c", "mine")] == ["new", "old", "new", "kept"]


@pytest.mark.parametrize("name", ["a.png", "..a", "é"])
def test_names_beside_others(name: object) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0b", None, 3])
def test_names_that_lead_elsewhere(name: object) -> None:
    assert not is_name(name)


def test_sizes_are_those_of_all_files_below(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_bytes(bytes(3))
    (tmp_path / "deep" / "b").write_bytes(bytes(4))
    assert size_of(tmp_path) == 7
    assert size_of(tmp_path / "a") == 3
    assert size_of(tmp_path / "nothing") == 0
    (tmp_path / "deep" / "loop").symlink_to(tmp_path)
    assert size_of(tmp_path) == 7, "a link is not followed"


def test_locks_are_looked_at_and_left_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    assert not path.exists()
    path.touch()
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert (is_locked(path), is_locked(path, or_shared=True)) == (False, True)
        fcntl.flock(held, fcntl.LOCK_EX)
        assert (is_locked(path), is_locked(path, or_shared=True)) == (True, True)
    assert (is_locked(path), is_locked(path, or_shared=True)) == (False, False)
