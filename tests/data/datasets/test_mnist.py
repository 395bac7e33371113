from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from semreg.core import ClassField, DataMissing, ImageField, UserError
from semreg.data.cache import cached
from semreg.data.datasets.mnist import MNIST
from semreg.testing import check_dataset


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def images(count: int) -> np.ndarray:
    """Image i has the value i everywhere."""
    return np.repeat(np.arange(count, dtype=np.uint8), 28 * 28).reshape(count, 28, 28)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Forty images to train and ten to test; one file packed."""
    raw = tmp_path / "root" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 40), ("t10k", 10)):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(images(count)))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(count, dtype=np.uint8) % 10))
    plain = raw / "t10k-labels-idx1-ubyte"
    (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    plain.unlink()
    return tmp_path / "root"


@pytest.mark.parametrize("size", [28, 32])
def test_read(root: Path, size: int, tmp_path: Path) -> None:
    data = cached(MNIST(root=root, size=size), folder=tmp_path)
    assert data.fields == {"image": ImageField(1, size, size), "digit": ClassField(tuple("0123456789"), "ring")}
    assert data.counts == {"train": 40, "validation": 0, "test": 10}
    assert data.arrays["image"].shape == (50, 1, size, size)
    assert data.arrays["image"][:, 0, 5, 5].tolist() == [*range(40), *range(10)]
    assert data.arrays["digit"].tolist() == [index % 10 for index in [*range(40), *range(10)]]


def test_the_classes_are_called_as_told(root: Path, tmp_path: Path) -> None:
    data = cached(MNIST(root=root, label="number"), folder=tmp_path)
    assert data.fields["number"].references()["classes"] == 10
    assert data.arrays["number"][:3].tolist() == [0, 1, 2]


def test_the_specification_needs_no_files(tmp_path: Path) -> None:
    assert MNIST(root=tmp_path, size=32).specification()["image"] == ImageField(1, 32, 32)


def test_missing(root: Path, tmp_path: Path) -> None:
    (root / "MNIST/raw/train-images-idx3-ubyte").unlink()
    with pytest.raises(DataMissing, match=r"MNIST not found under .*looked for MNIST/raw/train-images-idx3-ubyte\)"):
        cached(MNIST(root=root), folder=tmp_path)
    with pytest.raises(DataMissing, match="download = true"):
        MNIST(root=tmp_path / "nowhere").locate()


def test_changed_files_are_read_again(root: Path, tmp_path: Path) -> None:
    before = cached(MNIST(root=root), folder=tmp_path).fingerprint
    path = root / "MNIST/raw/t10k-images-idx3-ubyte"
    path.write_bytes(idx(images(10)[::-1].copy()))
    os.utime(path, ns=(0, 0))
    assert cached(MNIST(root=root), folder=tmp_path).fingerprint != before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", idx(images(40))[:-1], "cut short"),
        ("train-images-idx3-ubyte", b"", "not an idx file of 3 dimensions"),
        ("train-images-idx3-ubyte", idx(images(39)), "39 images and 40 labels"),
        ("train-labels-idx1-ubyte", idx(images(40)), "not an idx file of 1 dimensions"),
        (
            "train-labels-idx1-ubyte",
            idx(np.full(40, 10, dtype=np.uint8)),
            "train-labels-idx1-ubyte holds values up to 10; expected 0 to 9",
        ),
        ("t10k-labels-idx1-ubyte.gz", b"not packed", "can't be read"),
        ("t10k-labels-idx1-ubyte.gz", gzip.compress(idx(images(1)), mtime=0)[:-20], "can't be read"),
    ],
)
def test_damaged(root: Path, name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (root / "MNIST/raw" / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        cached(MNIST(root=root), folder=tmp_path)


def test_download_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    def fail(root: str, **options: object) -> None:
        raise RuntimeError("no network")

    monkeypatch.setattr(datasets, "MNIST", fail)
    with pytest.raises(UserError, match="MNIST could not be downloaded: no network"):
        MNIST(root=tmp_path, download=True).locate()


REAL = os.environ.get("SEMREG_DATA")


@pytest.mark.skipif(not REAL or not Path(REAL, "MNIST/raw").is_dir(), reason="SEMREG_DATA names no folder with MNIST")
def test_the_real_set(tmp_path: Path) -> None:
    data = cached(MNIST(root=Path(str(REAL))), folder=tmp_path)
    assert data.counts == {"train": 60_000, "validation": 0, "test": 10_000}
    assert data.arrays["digit"][:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    mean = data.arrays["image"].index_select(0, data.rows("train")).to(torch.float64).mean() / 255
    assert abs(float(mean) - 0.1307) < 1e-4


def test_it_conforms(root: Path) -> None:
    check_dataset(MNIST, root=root, options={"size": 32})
