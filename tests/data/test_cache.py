from __future__ import annotations

import errno
import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock

from semreg.data import building, cache
from semreg.data.cache import Cached, cache_folder, cached
from semreg.errors import UserError


def folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


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
    assert one.fingerprint != one.with_split({"train": 100}).fingerprint


def test_in_parallel_the_same(toy: Any, tmp_path: Path) -> None:
    one = cached(toy, folder=tmp_path / "one", workers=1)
    two = cached(toy, folder=tmp_path / "two", workers=2)
    assert one.fingerprint == two.fingerprint
    assert torch.equal(one.arrays["image"], two.arrays["image"])


def test_images_stay_on_the_disk(toy: Any, tmp_path: Path) -> None:
    data = cached(toy, folder=tmp_path)
    data.arrays["image"].zero_()  # a private map: never reaches the file
    assert cached(toy, folder=tmp_path).arrays["image"][7].eq(7).all()


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
def dying(reader, path, offset, chunk, shape):
    if chunk.start > 500:
        os.kill(os.getpid(), 9)
    return write(reader, path, offset, chunk, shape)
building._write_chunk = dying
cached(Digits(), folder=Path(sys.argv[1]))
"""


def test_a_killed_build_is_begun_again(tmp_path: Path) -> None:
    from semreg.data.datasets.digits import Digits

    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=Path(__file__).parents[2], check=False)
    assert killed.returncode == -9
    assert [path.name.endswith(".partial") for path in folders(tmp_path)] == [True]
    data = cached(Digits(), folder=tmp_path)
    assert data.fingerprint == cached(Digits(), folder=tmp_path / "fresh").fingerprint
    assert not any(path.name.endswith(".partial") for path in folders(tmp_path))


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
    split = data.with_split({"train": 100})
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


def test_a_single_class_in_training_is_constant(toy: Any, tmp_path: Path) -> None:
    data = cached(toy, folder=tmp_path)
    split = torch.where(data.arrays["digit"] == 3, 0, 2).to(torch.uint8)
    assert replace(data, split=split).constant_attributes() == {"digit": ["digit"], "attributes": ["even", "never"]}


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


@pytest.fixture
def data(toy: Any, tmp_path: Path) -> Cached:
    return cached(toy, folder=tmp_path)


@pytest.mark.parametrize(("amount", "expected"), [(16, 16), (0.1, 16), (0.5, 80), (1, 1), (159, 159)])
def test_validation_comes_from_training_images_only(data: Cached, amount: float, expected: int) -> None:
    cut = data.with_validation(amount)
    assert cut.counts == {"train": 160 - expected, "validation": expected, "test": 40}
    assert torch.equal(cut.rows("test"), data.rows("test"))
    rows = torch.cat([cut.rows("train"), cut.rows("validation")]).sort().values
    assert torch.equal(rows, data.rows("train"))
    assert torch.equal(cut.split, data.with_validation(amount).split)


def test_validation_follows_its_seed(data: Cached) -> None:
    assert not torch.equal(data.with_validation(16, seed=0).split, data.with_validation(16, seed=1).split)
    assert data.with_validation(16).rows("validation").tolist() == [
        17,
        21,
        78,
        83,
        113,
        117,
        125,
        128,
        131,
        132,
        138,
        143,
        150,
        156,
        171,
        186,
    ]


def test_own_validation_images_stay(data: Cached) -> None:
    own = data.with_validation(10, seed=5)
    again = own.with_validation(20)
    assert torch.equal(again.split, own.split)
    assert again.remarks == ("the data set's own validation images are used",)


def test_training_images_drawn_from_all(data: Cached) -> None:
    drawn = data.with_split({"train": 150, "validation": 0.1})
    assert drawn.counts == {"train": 135, "validation": 15, "test": 50}
    assert set(drawn.rows("train").tolist()) & set(data.rows("test").tolist()), "drawn from test images, too"
    assert torch.equal(drawn.split, data.with_split({"train": 150, "validation": 0.1}).split)
    assert not torch.equal(drawn.split, data.with_split({"train": 150, "validation": 0.1, "seed": 1}).split)
    assert data.with_split({"train": 0.5}).counts == {"train": 100, "validation": 0, "test": 100}
    assert data.with_split({}).fingerprint == data.fingerprint
    assert data.counts == {"train": 160, "validation": 0, "test": 40}, "the original is as it was"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": 200}, "data.split.train"),
        ({"train": 0}, "data.split.train"),
        ({"train": 1.0}, "neither a count nor a fraction"),
        ({"train": True}, "neither a count nor a fraction"),
        ({"validation": 160}, "data.split.validation"),
        ({"validation": 0.001}, "both parts need at least one"),
        ({"validation": -3}, "data.split.validation"),
        ({"vaildation": 0.1}, "did you mean 'validation'"),
        ({"train": 100, "seed": 0.5}, "data.split.seed"),
    ],
)
def test_impossible_splits(data: Cached, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        data.with_split(options)


def test_shots_leave_all_but_a_few_training_images_of_a_class_in_no_split(data: Cached) -> None:
    few = data.with_split({"shots": {"digit": {"0": 3, "2": 16}}, "validation": 10})
    digits = data.arrays["digit"]
    kept = torch.cat([few.rows("train"), few.rows("validation")])
    assert digits[kept].bincount().tolist() == [
        3,
        20,
        16,
        20,
        0,
        20,
        20,
        20,
        20,
    ]  # all of digits 4 and 9 are for testing
    assert set(kept.tolist()) < set(data.rows("train").tolist())
    assert few.counts == {"train": 160 - 17 - 4 - 10, "validation": 10, "test": 40}
    assert torch.equal(few.rows("test"), data.rows("test"))
    assert few.fingerprint != data.fingerprint


def test_shots_follow_the_splits_seed_and_not_the_other_classes(data: Cached) -> None:
    def kept(options: dict[str, Any]) -> list[int]:
        rows = data.with_split(options).rows("train")
        return rows[data.arrays["digit"][rows] == 0].tolist()  # type: ignore[no-any-return]

    assert kept({"shots": {"digit": {"0": 3}}}) == kept({"shots": {"digit": {"2": 4, "0": 3}}})
    assert kept({"shots": {"digit": {"0": 3}}}) != kept({"shots": {"digit": {"0": 3}}, "seed": 1})


def test_shots_reach_a_sets_own_validation_images(data: Cached) -> None:
    few = data.with_validation(80).with_shots({"digit": {"0": 1}})
    for split, count in (("train", 1), ("validation", 0)):
        assert (data.arrays["digit"][few.rows(split)] == 0).sum() == count


@pytest.mark.parametrize(
    ("shots", "where", "message"),
    [
        ({"digti": {"0": 5}}, "digti", "did you mean 'digit'"),
        ({"angle": {"0": 5}}, "angle", "no field of classes"),
        ({"digit": {"ten": 5}}, "digit.ten", "no class 'ten'"),
        ({"digit": {"0": 21}}, "digit.0", "21 of the 20 training images of class '0'"),
        ({"digit": {"0": 0}}, "digit.0", "0 of the 20 training"),
        ({"digit": {"0": 0.5}}, "digit.0", "0.5 of the 20 training"),
    ],
)
def test_impossible_shots(data: Cached, shots: Any, where: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"data\.split\.shots\.{where} .*{message}"):
        data.with_split({"shots": shots})


def break_split(source: Any) -> None:
    source.split = source.split.astype(np.int64)


def break_split_value(source: Any) -> None:
    source.split[3] = 7


def break_class(source: Any) -> None:
    source.labels["digit"][0] = 10


def break_attributes(source: Any) -> None:
    source.labels["attributes"] = source.labels["attributes"].astype(np.int8) * 2 - 1


def break_count(source: Any) -> None:
    source.labels["angle"] = source.labels["angle"][:-1]


def break_value(source: Any) -> None:
    source.labels["angle"][5] = np.nan


def break_missing(source: Any) -> None:
    del source.labels["digit"]


def break_reader(source: Any) -> None:
    source.images = None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (break_split, "split  int64"),
        (break_split_value, "split  uint8 .* uint8 0, 1, 2 fit"),
        (break_class, "digit  values from 0 to 10; 0 to 9 fit"),
        (break_attributes, r"attributes  int8 \(200, 2\) was found; uint8 \(200, 2\) fits"),
        (break_count, r"angle  float32 \(199, 2\) was found"),
        (break_value, "angle  not all values are finite"),
        (break_missing, "digit  nothing was found"),
        (break_reader, "image  images are read by a reader"),
    ],
)
def test_labels_that_do_not_fit(toy: Any, change: Any, message: str, tmp_path: Path) -> None:
    source = toy.source()
    change(source)
    toy.source = lambda: source
    with pytest.raises(UserError, match=message):
        cached(toy, folder=tmp_path)


def test_no_images(toy_with: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are no images"):
        cached(toy_with(count=0), folder=tmp_path)
