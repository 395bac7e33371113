"""Caches: built once, by one process at a time, and what they say of images that are bad."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock

from semreg.core import UserError
from semreg.data import cache
from semreg.data.cache import cache_folder, cached
from semreg.data.splitting import split_as
from semreg.store.leases import LeasedLock
from tests.data.conftest import folders


def test_everything_comes_back(toy: Any, tmp_path: Path) -> None:
    data = cached(toy, folder=tmp_path)
    assert data.counts == {"train": 160, "validation": 0, "test": 40}
    assert data.arrays["image"].dtype == torch.uint8
    assert data.arrays["image"][:, 0, 0, 0].tolist() == list(range(200))
    assert data.arrays["digit"].tolist() == [index % 10 for index in range(200)]
    assert data.arrays["angle"].shape == (200, 2)
    assert data.rows("test").tolist() == list(range(4, 200, 5))
    assert data.constant_attributes() == {"attributes": ["never"]}
    assert list(data.fields) == ["image", "digit", "attributes", "angle"]


def test_the_second_time_nothing_is_read(toy: Any, toy_with: Any, tmp_path: Path) -> None:
    first = cached(toy, folder=tmp_path)
    toy.reader = None  # would fail if called
    again = toy_with(reader=lambda indices: pytest.fail("read again"))
    second = cached(again, folder=tmp_path)
    assert second.fingerprint == first.fingerprint
    assert again.asked == 1


def test_another_identity_is_another_cache(toy_with: Any, tmp_path: Path) -> None:
    one, other = cached(toy_with(seed=0), folder=tmp_path), cached(toy_with(seed=1), folder=tmp_path)
    assert len(folders(tmp_path)) == 2
    assert one.fingerprint == other.fingerprint, "equal contents have one fingerprint"


def test_the_fingerprint_follows_contents(toy_with: Any, reader_with: Any, tmp_path: Path) -> None:
    class Brighter(reader_with):  # type: ignore[misc]
        def __call__(self, indices: Any) -> Any:
            pixels = super().__call__(indices).copy()
            pixels[np.array(list(indices)) == 117, 0, 0, 0] += 1
            return pixels

    one = cached(toy_with(), folder=tmp_path / "a")
    other = cached(toy_with(reader=Brighter()), folder=tmp_path / "b")
    assert one.fingerprint != other.fingerprint
    assert one.fingerprint != split_as(one, {"train": 100}).fingerprint


def test_in_parallel_the_same(toy: Any, tmp_path: Path) -> None:
    one = cached(toy, folder=tmp_path / "one", workers=1)
    two = cached(toy, folder=tmp_path / "two", workers=2)
    assert one.fingerprint == two.fingerprint
    assert torch.equal(one.arrays["image"], two.arrays["image"])


def test_images_stay_on_the_disk(toy: Any, tmp_path: Path) -> None:
    data = cached(toy, folder=tmp_path)
    data.arrays["image"].zero_()  # a private map: never reaches the file
    assert cached(toy, folder=tmp_path).arrays["image"][7].eq(7).all()


def _build(toy: Any, folder: Path, done: Any) -> None:
    done.put(cached(toy, folder=folder).fingerprint)


class SlowReader:
    """Leaves a mark for each chunk it reads."""

    def __init__(self, reader: Any, marks: Path) -> None:
        self.reader, self.marks = reader, marks

    def __call__(self, indices: Any) -> Any:
        with (self.marks / str(indices[0])).open("a") as file:
            file.write("x")
        time.sleep(0.05)
        return self.reader(indices)


def test_two_processes_build_once(toy_with: Any, reader_with: Any, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    context = multiprocessing.get_context("fork")
    toy, done = toy_with(reader=SlowReader(reader_with(), tmp_path / "marks")), context.Queue()
    processes = [context.Process(target=_build, args=(toy, tmp_path / "c", done)) for _ in range(2)]
    for process in processes:
        process.start()
    fingerprints = {done.get(timeout=30) for _ in processes}
    for process in processes:
        process.join(timeout=30)
    assert len(fingerprints) == 1
    assert {path.read_text() for path in (tmp_path / "marks").iterdir()} == {"x"}, "each chunk was read once"


def test_waiting_for_another_process_is_told(
    toy: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(toy, folder=tmp_path)
    (folder,) = folders(tmp_path)
    shutil.rmtree(folder)
    held = FileLock(tmp_path / f".{folder.name}.lock")
    held.acquire()
    monkeypatch.setattr(cache.log, "warning", lambda *args: held.release() or print(args))
    assert cached(toy, folder=tmp_path).counts["test"] == 40
    assert not held.is_locked


def test_a_cache_that_another_machine_builds_by_now_is_left_to_that(
    toy_with: Any, reader_with: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LeasedLock, "lost", lambda lock: "process 12 of node7")
    with pytest.raises(UserError, match="process 12 of node7 builds this cache by now"):
        cached(toy_with(reader=reader_with()), folder=tmp_path)
    assert [folder.suffix for folder in folders(tmp_path)] == [".partial"], "that machine writes there"


def test_bad_images_are_named(toy_with: Any, reader_with: Any, tmp_path: Path) -> None:
    toy = toy_with(reader=reader_with(bad=(3, 5)))
    with pytest.raises(UserError) as error:
        cached(toy, folder=tmp_path)
    assert "image3.png" in str(error.value)
    assert "image5.png" in str(error.value)
    assert "--skip-bad-images" in str(error.value)
    assert folders(tmp_path) == []


def test_bad_images_are_left_out_on_request_only(toy_with: Any, reader_with: Any, tmp_path: Path) -> None:
    toy = toy_with(reader=reader_with(bad=(3, 4, 150)))
    data = cached(toy, folder=tmp_path, skip_bad_images=True)
    assert data.counts == {"train": 158, "validation": 0, "test": 39}
    assert [message.split(":")[0] for message in data.skipped] == ["image3.png", "image4.png", "image150.png"]
    (remark,) = data.remarks
    assert remark.startswith("left out as unreadable: 3 of 200 images (image3.png: can't be read; image4.png: ")
    split = split_as(data, {"train": 100})
    assert sum(split.counts.values()) == 197
    assert not {3, 4, 150} & {*split.rows("train").tolist(), *split.rows("test").tolist()}
    with pytest.raises(UserError, match=r"image150\.png"):
        cached(toy, folder=tmp_path)


def test_images_mended_without_a_trace_are_read(toy_with: Any, reader_with: Any, tmp_path: Path) -> None:
    cached(toy_with(reader=reader_with(bad=(3, 4))), folder=tmp_path, skip_bad_images=True)
    with pytest.raises(UserError, match="image4") as error:
        cached(toy_with(reader=reader_with(bad=(4,))), folder=tmp_path)
    assert "image3" not in str(error.value)
    data = cached(toy_with(), folder=tmp_path)
    assert (data.skipped, data.counts["train"]) == ((), 160)


def test_what_a_source_remarks_is_told(toy: Any, tmp_path: Path) -> None:
    source = toy.source()
    source.remarks = ("two files are not used",)
    toy.source = lambda: source
    assert cached(toy, folder=tmp_path).remarks == cached(toy, folder=tmp_path).remarks == source.remarks


def test_all_images_bad(toy_with: Any, reader_with: Any, tmp_path: Path) -> None:
    toy = toy_with(count=70, reader=reader_with(bad=tuple(range(70))))
    with pytest.raises(UserError, match="and 50 more"):
        cached(toy, folder=tmp_path, skip_bad_images=True)


def test_a_reader_of_the_wrong_size_is_told(toy_with: Any, reader_with: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\(64, 3, 5, 5\) of uint8; \(64, 3, 4, 4\)"):
        cached(toy_with(reader=reader_with(size=5)), folder=tmp_path)


def test_the_bar_is_drawn_when_asked(toy: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cached(toy, folder=tmp_path / "a")
    assert capsys.readouterr() == ("", "")
    cached(toy, folder=tmp_path / "b", progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "reading Toy" in err
    assert "200/200" in err


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SEMREG_CACHE": "/a"}, "/a"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/semreg"),
        ({"HOME": "/c"}, "/c/.cache/semreg"),
    ],
)
def test_where_caches_are(environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEMREG_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)
