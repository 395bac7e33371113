from __future__ import annotations

import hashlib
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision import datasets

from semreg.core import ClassField, DataMissing, ImageField, UserError
from semreg.data.cache import cached
from semreg.data.datasets.cifar10 import CIFAR10, CLASSES, FILES
from semreg.testing import check_dataset
from tests.hostile import Bomb

EACH = 4


def batch(start: int) -> dict[str, Any]:
    """Image i is red 10·i, green i and blue 0 everywhere, of class i modulo 10."""
    pixels = np.zeros((EACH, 3, 32 * 32), dtype=np.uint8)
    rows = np.arange(start, start + EACH)
    pixels[:, 0], pixels[:, 1] = 10 * rows[:, None], rows[:, None]
    return {"data": pixels.reshape(EACH, -1), "labels": [int(row) % 10 for row in rows]}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty images to train and four to test, under checksums of their own."""
    folder = tmp_path / "root" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    contents = [batch(EACH * number) for number in range(6)] + [{"label_names": list(CLASSES)}]
    sums = []
    for name, content in zip(FILES, contents, strict=True):
        (folder / name).write_bytes(pickle.dumps(content))
        sums.append([name, hashlib.md5((folder / name).read_bytes()).hexdigest()])
    monkeypatch.setattr(datasets.CIFAR10, "train_list", sums[:5])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", sums[5:6])
    monkeypatch.setattr(datasets.CIFAR10, "meta", datasets.CIFAR10.meta | {"md5": sums[6][1]})
    return tmp_path / "root"


@pytest.mark.parametrize("size", [32, 16])
def test_read(root: Path, size: int, tmp_path: Path) -> None:
    data = cached(CIFAR10(root=root, size=size), folder=tmp_path)
    assert data.fields == {"image": ImageField(3, size, size), "label": ClassField(CLASSES)}
    assert data.counts == {"train": 20, "validation": 0, "test": 4}
    assert data.arrays["image"].shape == (24, 3, size, size)
    assert data.arrays["image"][:, :, 5, 7].tolist() == [[10 * row, row, 0] for row in range(24)]
    assert data.arrays["label"].tolist() == [row % 10 for row in range(24)]


def test_the_classes_are_called_as_told(root: Path, tmp_path: Path) -> None:
    data = cached(CIFAR10(root=root, label="thing"), folder=tmp_path)
    assert data.fields["thing"] == ClassField(CLASSES)
    assert data.arrays["thing"][:3].tolist() == [0, 1, 2]


def test_the_files_and_classes_are_torchvisions() -> None:
    published = datasets.CIFAR10
    assert list(FILES) == [name for name, _ in published.train_list + published.test_list] + ["batches.meta"]
    assert len(set(CLASSES)) == 10


def test_the_specification_needs_no_files(tmp_path: Path) -> None:
    assert CIFAR10(root=tmp_path, size=64).specification()["image"] == ImageField(3, 64, 64)


def test_missing(root: Path, tmp_path: Path) -> None:
    (root / "cifar-10-batches-py/data_batch_3").unlink()
    with pytest.raises(DataMissing, match=r"CIFAR-10 not found under .*looked for cifar-10-batches-py/data_batch_3\)"):
        cached(CIFAR10(root=root), folder=tmp_path)
    with pytest.raises(DataMissing, match="download = true"):
        CIFAR10(root=tmp_path / "nowhere").locate()


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_as_published_is_told_and_not_opened(root: Path, name: str, tmp_path: Path) -> None:
    sentinel = tmp_path / "opened"
    (root / "cifar-10-batches-py" / name).write_bytes(pickle.dumps(Bomb(sentinel)))
    with pytest.raises(UserError, match=rf"cifar-10-batches-py: {name}: not as published \(the checksum differs\)"):
        cached(CIFAR10(root=root), folder=tmp_path)
    assert not sentinel.exists()


def test_files_that_cannot_be_read_are_told(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(datasets, "CIFAR10", refuse)
    with pytest.raises(UserError, match="cifar-10-batches-py: can't be read: Permission denied"):
        cached(CIFAR10(root=root), folder=tmp_path)


def test_changed_files_are_read_again(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cached(CIFAR10(root=root), folder=tmp_path).fingerprint
    path = root / "cifar-10-batches-py/test_batch"
    path.write_bytes(pickle.dumps(batch(2)))
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", hashlib.md5(path.read_bytes()).hexdigest()]])
    assert cached(CIFAR10(root=root), folder=tmp_path).fingerprint != before


def test_download(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setattr(datasets.CIFAR10, "download", lambda self: shutil.copytree(root, empty, dirs_exist_ok=True))
    CIFAR10(root=empty, download=True).locate()
    monkeypatch.setattr(datasets.CIFAR10, "download", lambda self: pytest.fail("fetched though it is there"))
    CIFAR10(root=empty, download=True).locate()


def test_a_failed_download_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(datasets.CIFAR10, "download", fail)
    with pytest.raises(UserError, match="CIFAR-10 could not be downloaded: no network"):
        CIFAR10(root=tmp_path, download=True).locate()


def test_it_conforms(root: Path) -> None:
    check_dataset(CIFAR10, root=root)
