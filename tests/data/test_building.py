"""Caches that are built and read: damaged, cut short, killed or without room."""

from __future__ import annotations

import errno
import json
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from semreg.core import UserError
from semreg.data import building, cache
from semreg.data.cache import cached
from tests.data.conftest import folders


def damage_json(folder: Path) -> None:
    (folder / "cache.json").write_text("{")


def damage_deep_json(folder: Path) -> None:
    (folder / "cache.json").write_text("[" * 100_000)


def damage_list(folder: Path) -> None:
    (folder / "cache.json").write_text("[1, 2]")


def damage_missing_json(folder: Path) -> None:
    (folder / "cache.json").unlink()


def damage_short(folder: Path) -> None:
    os.truncate(folder / "image.npy", (folder / "image.npy").stat().st_size - 1)


def damage_pixel(folder: Path) -> None:
    with (folder / "image.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x00")


def damage_label(folder: Path) -> None:
    np.save(folder / "digit.npy", np.zeros(200, dtype=np.int64))


def damage_type(folder: Path) -> None:
    np.save(folder / "digit.npy", (np.arange(200) % 10).astype(np.float64))


def damage_split(folder: Path) -> None:
    (folder / "split.npy").unlink()


def damage_format(folder: Path) -> None:
    header = json.loads((folder / "cache.json").read_text())
    (folder / "cache.json").write_text(json.dumps(header | {"format": 0}))


def damage_foreign(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "notes.txt").write_text("something else")


def damage_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a folder")


@pytest.mark.parametrize(
    "damage",
    [
        damage_json, damage_deep_json, damage_list, damage_missing_json, damage_short, damage_pixel, damage_label,
        damage_type, damage_split, damage_format, damage_foreign, damage_file,
    ],
)  # fmt: skip
def test_a_damaged_cache_is_rebuilt(toy: Any, tmp_path: Path, damage: Any, caplog: pytest.LogCaptureFixture) -> None:
    before = cached(toy, folder=tmp_path).fingerprint
    (folder,) = folders(tmp_path)
    damage(folder)
    data = cached(toy, folder=tmp_path)
    assert data.fingerprint == before
    assert data.arrays["image"][199].eq(199).all()
    assert "damaged or foreign" in caplog.text


class Hostile:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("hostile-was-here",))


@pytest.mark.parametrize("name", ["digit.npy", "split.npy", "image.npy"])
def test_nothing_is_unpickled(toy: Any, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = cached(toy, folder=tmp_path / "c").fingerprint
    (folder,) = folders(tmp_path / "c")
    np.save(folder / name, np.array([Hostile()] * 200, dtype=object), allow_pickle=True)
    assert cached(toy, folder=tmp_path / "c").fingerprint == before
    (folder / name).write_bytes(pickle.dumps(Hostile()))
    assert cached(toy, folder=tmp_path / "c").fingerprint == before
    assert not (tmp_path / "hostile-was-here").exists()


class StopError(Exception):
    pass


def fail_at(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, call: int, error: BaseException) -> None:
    """The `call`-th call of a function raises instead."""
    original, calls = getattr(module, name), 0

    def failing(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise error
        return original(*args, **options)

    monkeypatch.setattr(module, name, failing)


WRITES = [
    *[(building, "_write_chunk", call) for call in (1, 2, 4)],
    *[(building.np, "save", call) for call in (1, 4)],
    *[(building, "sync", call) for call in (1, 3, 7)],
    (cache.os, "replace", 1),
]


@pytest.mark.parametrize(("module", "name", "call"), WRITES)
def test_a_build_cut_short_leaves_no_cache(toy: Any, tmp_path: Path, module: Any, name: str, call: int) -> None:
    for error in (StopError(), KeyboardInterrupt()):
        with pytest.MonkeyPatch.context() as patch:
            fail_at(patch, module, name, call, error)
            with pytest.raises(type(error)):
                cached(toy, folder=tmp_path)
        assert folders(tmp_path) == []
    assert cached(toy, folder=tmp_path).counts["train"] == 160


@pytest.mark.parametrize(("module", "name", "call"), WRITES)
def test_a_full_disk_is_told(toy: Any, tmp_path: Path, module: Any, name: str, call: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fail_at(patch, module, name, call, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(UserError, match=r"can't be written: No space left on device; set SEMREG_CACHE"):
            cached(toy, folder=tmp_path)
    assert folders(tmp_path) == []


def test_too_little_room_is_told_before_work(toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match=r"0\.0 GB are free; set SEMREG_CACHE"):
        cached(toy, folder=tmp_path)


def test_as_many_files_may_be_open_as_there_are_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1024, 4096)]

    def set_to(which: int, limit: tuple[int, int]) -> None:
        if limit[0] > 4096:
            raise ValueError("current limit exceeds maximum limit")
        limits.append(limit)

    monkeypatch.setattr(resource, "getrlimit", lambda which: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", set_to)
    for count in (10, 2_000, 1_000):
        building._require_open(tmp_path, count)
    assert limits == [(1024, 4096), (2_256, 4096)]
    with pytest.raises(
        UserError,
        match=r"in 45,822 files, and a process may have 4,096 open .*; raise the limit of open files to 46,078",
    ):
        building._require_open(tmp_path, 45_822)


def test_a_folder_that_cannot_be_written(toy: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="set SEMREG_CACHE"):
        cached(toy, folder=tmp_path / "file" / "cache")


KILLED = """
import os, sys
from pathlib import Path
from semreg.data import building
from semreg.data.cache import cached
from semreg.data.datasets.digits import Digits

write = building._write_chunk
def dying(reader, chunk, **place):
    if chunk.start > 500:
        os.kill(os.getpid(), 9)
    return write(reader, chunk, **place)
building._write_chunk = dying
cached(Digits(), folder=Path(sys.argv[1]))
"""


def dying(reader: Any, chunk: range, **place: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_decodes(
    toy_with: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = building._write_chunk
    monkeypatch.setattr(building, "_write_chunk", lambda reader, chunk, **place: (
        write(reader, chunk, **place) if chunk.start == 0 else dying(reader, chunk)
    ))  # fmt: skip
    with pytest.raises(UserError, match=r"was killed, perhaps since memory ran out; .* SEMREG_WORKERS=1"):
        cached(toy_with(count=200), folder=tmp_path, workers=2)
    assert folders(tmp_path) == []


def test_a_killed_build_is_begun_again(tmp_path: Path) -> None:
    from semreg.data.datasets.digits import Digits

    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=Path(__file__).parents[2], check=False)
    assert killed.returncode == -9
    assert [path.name.endswith(".partial") for path in folders(tmp_path)] == [True]
    data = cached(Digits(), folder=tmp_path)
    assert data.fingerprint == cached(Digits(), folder=tmp_path / "fresh").fingerprint
    assert not any(path.name.endswith(".partial") for path in folders(tmp_path))
