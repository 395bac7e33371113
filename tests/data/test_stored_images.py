"""Images in shards on the disk, and those that are decoded when they are read."""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from semreg.core import UserError
from semreg.data import building, shards, stored_images
from semreg.data.batches import Batches, sequential
from semreg.data.cache import cached
from semreg.data.dataset import Cached
from semreg.data.datasets.image_folder import ImageFolder
from semreg.data.samplers import shuffled_shards
from semreg.data.stored_images import StoredImages
from tests.data.conftest import folders

PIXELS = 3 * 4 * 4


@pytest.fixture
def in_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of 64 images of the toy data set, which has 200: four of them."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 64 * PIXELS)


def limit(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the cache hold the pixels of so many images."""
    monkeypatch.setenv("SEMREG_CACHE_LIMIT", str(count * PIXELS))


def drawn(data: Cached, first: int = 0, **options: Any) -> list[torch.Tensor]:
    batches = Batches(data, data.rows("train"), 12, seed=0, key=("a",), sampler_shards="sampler" in options, **options)
    return [batches.batch(count)["image"].clone() for count in range(first, 30)]


def equal(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def files(folder: Path) -> list[str]:
    (cache,) = folders(folder)
    return sorted(path.name for path in cache.glob("image*"))


def test_as_from_one_file(toy: Any, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    whole = cached(toy, folder=tmp_path / "whole")
    request.getfixturevalue("in_shards")
    stored = cached(toy, folder=tmp_path / "shards")
    assert files(tmp_path / "whole") == ["image.npy"]
    assert files(tmp_path / "shards") == [f"image-0000{k}.npy" for k in range(4)]
    assert isinstance(stored.images, StoredImages)
    assert (stored.fingerprint, stored.cache) == (whole.fingerprint, whole.cache)
    assert equal(drawn(stored), drawn(whole))
    order: dict[str, Any] = {"sampler": shuffled_shards}
    assert equal(drawn(stored, **order), drawn(whole, **order))
    assert equal(drawn(stored, first=7, **order), drawn(whole, **order)[7:]), "resumed at any batch"
    in_order = [batch["image"] for batch in sequential(stored, stored.rows("test"), 9)]
    assert equal(in_order, [batch["image"] for batch in sequential(whole, whole.rows("test"), 9)])
    reopened = cached(toy, folder=tmp_path / "shards")
    assert equal(drawn(reopened), drawn(whole))


@pytest.mark.usefixtures("in_shards")
def test_a_cache_of_one_file_stays_what_it_is(toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(shards, "SHARD_BYTES", 2**28)
        cached(toy, folder=tmp_path)
    assert cached(toy, folder=tmp_path).images is None
    limit(monkeypatch, 64)
    assert cached(toy, folder=tmp_path).arrays["image"].shape == (200, 3, 4, 4)
    assert files(tmp_path) == ["image.npy"]


@pytest.mark.usefixtures("in_shards")
def test_what_the_limit_does_not_hold_is_read_from_the_source(
    toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cached(toy, folder=tmp_path / "all")
    limit(monkeypatch, 150)
    stored = cached(toy, folder=tmp_path / "some")
    assert files(tmp_path / "some") == ["image-00000.npy", "image-00001.npy"]
    assert stored.fingerprint == whole.fingerprint
    assert "SEMREG_CACHE_LIMIT holds 2 of 4 shards" in stored.remarks[0]
    assert equal(drawn(stored), drawn(whole))
    assert equal(drawn(stored, sampler=shuffled_shards), drawn(whole, sampler=shuffled_shards))


@pytest.mark.usefixtures("in_shards")
def test_a_larger_limit_builds_anew_and_a_smaller_one_does_not(
    toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for holding, kept in ((70, 1), (150, 2), (70, 2), (200, 4)):
        limit(monkeypatch, holding)
        assert cached(toy, folder=tmp_path).images.kept == kept  # type: ignore[union-attr]
    assert "1 of its 4 shards are kept, and the limit holds 2" in caplog.text
    monkeypatch.delenv("SEMREG_CACHE_LIMIT")
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        cached(toy, folder=tmp_path)
    assert not caplog.text


@pytest.mark.usefixtures("in_shards")
def test_a_limit_that_holds_no_shard(toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 63)
    with pytest.raises(UserError, match=r"LIMIT=3024: it holds no shard of the images, which take 0.01 MB; 0.00"):
        cached(toy, folder=tmp_path)
    assert folders(tmp_path) == []


def last_pixel(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def of_another_size(path: Path) -> None:
    np.save(path, np.load(path)[:-1])


@pytest.mark.usefixtures("in_shards")
@pytest.mark.parametrize("shard", [0, 3])
@pytest.mark.parametrize("damage", [last_pixel, cut_off, of_another_size, Path.unlink])
def test_a_damaged_shard_is_built_again(
    toy: Any, damage: Any, shard: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = cached(toy, folder=tmp_path)
    before = drawn(whole)
    damage(folders(tmp_path)[0] / f"image-0000{shard}.npy")
    again = cached(toy, folder=tmp_path)
    assert "damaged or foreign" in caplog.text
    assert again.fingerprint == whole.fingerprint
    assert equal(drawn(again), before)


@pytest.mark.usefixtures("in_shards")
def test_a_disk_that_fills_up_while_shards_are_written(
    toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = building._write_chunk

    def filling(reader: Any, chunk: range, **place: Any) -> Any:
        if chunk.start >= 128:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(reader, chunk, **place)

    with monkeypatch.context() as full:
        full.setattr(building, "_write_chunk", filling)
        with pytest.raises(UserError, match=r"can't be written: No space left on device; set SEMREG_CACHE"):
            cached(toy, folder=tmp_path)
    assert folders(tmp_path) == []
    assert equal(drawn(cached(toy, folder=tmp_path)), drawn(cached(toy, folder=tmp_path / "other")))


def test_what_is_no_number_is_told_before_anything_is_written(
    toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SEMREG_CACHE_LIMIT", "SEMREG_WORKERS"):
        for written in ("much", "-1", "1e3", "5 apples"):
            with monkeypatch.context() as wrong:
                wrong.setenv(name, written)
                with pytest.raises(UserError, match=f"{name}: '{written}' is no"):
                    cached(toy, folder=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.fixture
def animals(draw: Any, tmp_path: Path) -> Any:
    """`animals(**options)`: a data set of 60 files, some of them transparent."""
    from PIL import Image

    random = np.random.default_rng(0)
    for index in range(60):
        name = f"root/animals/{'cat' if index % 2 else 'dog'}/{index}.{'png' if index % 3 else 'jpg'}"
        path = draw(tmp_path / name)
        values = random.integers(0, 256, (20, 20, 4 if index % 3 == 1 else 3), dtype=np.uint8)
        Image.fromarray(values).save(path)

    def animals(**options: Any) -> ImageFolder:
        return ImageFolder(root=tmp_path / "root", path="animals", size=6, **options)

    return animals


def test_decoded_on_read_as_decoded_once(animals: Any, tmp_path: Path) -> None:
    once, on_read = (
        cached(animals(decode=decode), folder=tmp_path / "cache", workers=1) for decode in ("once", "on_read")
    )
    for data in (on_read, cached(animals(decode="on_read"), folder=tmp_path / "cache", workers=1)):
        assert equal(drawn(data), drawn(once)), "on the background that was chosen of all"
    assert isinstance(on_read.images, StoredImages)
    assert on_read.images.kept == 0
    assert not list((tmp_path / "cache" / on_read.cache).glob("image*"))
    assert on_read.told["pixels"]["decode"] == "on_read"
    assert on_read.cache != once.cache


def test_the_fingerprint_of_what_is_decoded_on_read(animals: Any, tmp_path: Path) -> None:
    def fingerprint(**options: Any) -> str:
        return cached(animals(decode="on_read", **options), folder=tmp_path / "cache", workers=1).fingerprint

    before = fingerprint()
    assert fingerprint(filter="box") != before
    assert fingerprint(background="white") != fingerprint(background="black")
    shutil.copytree(tmp_path / "root", tmp_path / "copy")
    shutil.rmtree(tmp_path / "root")
    (tmp_path / "copy").rename(tmp_path / "root")
    assert fingerprint() == before, "of the bytes, not of when they were written"
    path = tmp_path / "root/animals/cat/1.png"
    path.write_bytes((tmp_path / "root/animals/cat/5.png").read_bytes())
    assert fingerprint() != before


def test_a_file_that_vanishes_while_it_is_read(animals: Any, tmp_path: Path) -> None:
    data = cached(animals(decode="on_read"), folder=tmp_path / "cache", workers=1)
    batches = Batches(data, data.rows("train"), 12, seed=0, key=("a",))
    batches.batch(0)
    for path in (tmp_path / "root/animals").rglob("*.jpg"):
        path.unlink()
    with pytest.raises(UserError, match=r"\.jpg: there is no such image file"):
        batches.batch(1)


def test_what_is_missing_or_damaged_is_told_before_training(animals: Any, tmp_path: Path) -> None:
    (tmp_path / "root/animals/cat/1.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="not a readable image"):
        cached(animals(decode="on_read"), folder=tmp_path / "cache", workers=1)
    data = cached(animals(decode="on_read"), folder=tmp_path / "cache", workers=1, skip_bad_images=True)
    assert len(data.skipped) == 1
    assert sum(data.counts.values()) == 59


def test_as_of_a_tensor() -> None:
    images = StoredImages((3, 1, 2, 2), [np.arange(12, dtype=np.uint8).reshape(3, 1, 2, 2)], None)
    assert len(images) == 3
    assert images.nbytes == 12
    assert images.index_select(0, torch.tensor([2, 0])).flatten().tolist() == [8, 9, 10, 11, 0, 1, 2, 3]
    with pytest.raises(ValueError, match="dimension 0; not 1"):
        images.index_select(1, torch.tensor([0]))


def test_shards_are_fetched_before_their_turn(
    toy_with: Any, tmp_path: Path, in_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = cached(toy_with(count=1000), folder=tmp_path)  # 16 shards of 64 rows, of which 51 or 52 train
    assert data.images is not None
    fetched: list[tuple[int, int]] = []
    monkeypatch.setattr(stored_images, "SHARDS_AHEAD", 3)
    monkeypatch.setattr(data.images, "fetch", lambda shard: fetched.append((count, shard)))
    options: dict[str, Any] = {"sampler": partial(shuffled_shards, window=2), "sampler_shards": True}
    batches = Batches(data, data.rows("train"), 10, seed=0, key=("a",), **options)
    used: dict[int, int] = {}
    for count in range(batches.per_epoch):
        values = batches.batch(count)["angle"][:, 0].long()
        for shard in (values // 64).unique().tolist():
            used.setdefault(shard, count)
    assert sorted(shard for _, shard in fetched) == list(range(16))
    assert [count for count, _ in fetched[:4]] == [0, 0, 0, 5], "then one with each shard's worth of rows"
    assert all(count <= used[shard] for count, shard in fetched)
    monkeypatch.undo()
    data.images.fetch(0)
    data.images.fetch(99)
    stored_images._fetch(tmp_path / "gone.npy")  # nothing is said: who reads it does
