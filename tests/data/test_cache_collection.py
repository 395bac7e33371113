"""The caches that are kept: what is told of them, and that none goes that somebody has open."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from semreg.core import UserError
from semreg.data import shards
from semreg.data.cache import cached
from semreg.data.cache_collection import CacheIsBusy, cache_folder, clear, held, kept_caches, tidy_caches

NAME = "digits-" + "0" * 16


def make_cache(folder: Path) -> Path:
    """A folder like that of a cache."""
    folder.mkdir(parents=True)
    image = {"kind": "image", "channels": 3, "height": 8, "width": 16}
    (folder / "cache.json").write_text(json.dumps({"count": 1200, "fields": {"image": image}}))
    (folder / "image.npy").write_bytes(bytes(1000))
    return folder


def test_what_is_told_of_a_cache(tmp_path: Path) -> None:
    folder = make_cache(tmp_path / NAME)
    os.utime(folder / "cache.json", (0, 1_000_000_000))
    (tmp_path / "photos").mkdir()
    (tmp_path / "link-0123456789abcdef").symlink_to(folder)
    (tmp_path / f".{NAME}.lock").touch()
    [kept] = kept_caches(tmp_path)
    assert (kept.folder, kept.dataset, kept.images, kept.shape) == (folder, "digits", 1200, (3, 8, 16))
    assert (kept.busy, kept.half, kept.used.year) == (False, False, 2001)
    assert 1000 < kept.size < 1400
    assert json.loads(json.dumps(kept.as_dictionary()))["name"] == NAME
    assert kept_caches(tmp_path / "nowhere") == []
    with pytest.raises(UserError, match="the caches can't be read"):
        kept_caches(folder / "image.npy")


@pytest.mark.parametrize(("kept", "decoded"), [(0, 0), (2, 1024), (3, None), (None, None), ("all", None)])
def test_how_many_images_lie_there_decoded(
    tmp_path: Path, kept: object, decoded: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 512 * 3 * 8 * 16)
    header = make_cache(tmp_path / NAME) / "cache.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | {"kept": kept}))
    assert kept_caches(tmp_path)[0].decoded == decoded


@pytest.mark.parametrize("header", ["{", "[]", '{"fields": 3, "count": "many"}', '{"fields": {"image": {}}}'])
def test_a_damaged_cache_is_told_and_can_be_cleared(tmp_path: Path, header: str) -> None:
    folder = make_cache(tmp_path / NAME)
    (folder / "cache.json").write_text(header)
    [kept] = kept_caches(tmp_path)
    assert (kept.images, kept.shape) == (None, ())
    clear(kept)
    assert kept_caches(tmp_path) == []


def test_what_a_killed_process_left_half_built_is_cleared(tmp_path: Path) -> None:
    (tmp_path / f".{NAME}.partial").mkdir()
    (tmp_path / f".{NAME}.partial" / "image.npy").write_bytes(bytes(10))
    [kept] = kept_caches(tmp_path)
    assert (kept.half, kept.dataset, kept.size) == (True, "digits", 10)
    clear(kept)
    assert kept_caches(tmp_path) == []
    (tmp_path / f".{NAME}.old.999999999.part").mkdir()
    tidy_caches(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f".{NAME}.lock"]


def test_a_cache_is_held_for_as_long_as_its_pixels_are(toy: Any, tmp_path: Path) -> None:
    data = cached(toy, folder=tmp_path)
    assert data.cache in {one.folder.name for one in kept_caches(tmp_path)}
    for _ in range(2):  # built, and then opened
        [kept] = kept_caches(tmp_path)
        assert kept.busy
        with pytest.raises(CacheIsBusy, match="a process uses it"):
            clear(kept)
        pixels = data.arrays["image"][3:5]
        del data
        gc.collect()
        assert kept_caches(tmp_path)[0].busy, "a part of them is enough"
        del pixels
        gc.collect()
        assert not kept_caches(tmp_path)[0].busy
        data = cached(toy, folder=tmp_path)
    del data
    gc.collect()
    clear(kept_caches(tmp_path)[0])
    assert cached(toy, folder=tmp_path).counts["train"] == 160, "it is built again"


def test_opening_notes_when(tmp_path: Path) -> None:
    folder = make_cache(tmp_path / NAME)
    os.utime(folder / "cache.json", (0, 1_000_000_000))
    held(folder)()
    assert kept_caches(tmp_path)[0].used.year > 2020
    held(tmp_path / "nowhere")()


def test_another_process_that_has_it_open_is_seen(tmp_path: Path) -> None:
    folder = make_cache(tmp_path / NAME)
    code = "import sys; from pathlib import Path; from semreg.data.cache_collection import held"
    code += "; release = held(Path(sys.argv[1])); print('there', flush=True); input()"
    command = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        with pytest.raises(CacheIsBusy):
            clear(kept_caches(tmp_path)[0])
        process.communicate("\n")
    clear(kept_caches(tmp_path)[0])


def test_where_caches_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMREG_CACHE", "/somewhere")
    assert cache_folder() == Path("/somewhere")
