from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from semreg_factors.grid import FactorGrid, steps
from semreg_factors.smallnorb import BYTES, INTEGERS, TESTING, TRAINING, Matrix, SmallNORB

from semreg.core import TEST, TRAIN, UserError
from semreg.data.cache import cached
from semreg.testing import check_dataset

SIZES = {"category": 2, "instance": 4, "elevation": 2, "azimuth": 3, "lighting": 2}
GRID = FactorGrid({name: steps(size) for name, size in SIZES.items()})
EACH = GRID.count // 2
IMAGES = np.random.default_rng(0).integers(0, 256, (GRID.count, 2, 96, 96), dtype=np.uint8)


def matrix(kind: int, array: np.ndarray) -> bytes:
    """A file as the project's page says: it has three dimensions at least in its head, 1 where there are fewer."""
    shape = [*array.shape, *[1] * (3 - array.ndim)]
    return gzip.compress(np.array([kind, array.ndim, *shape], "<i4").tobytes() + array.tobytes(), mtime=0)


def rows() -> np.ndarray:
    """The rows of the grid in an order of their own, toys of the training first."""
    order = np.random.default_rng(1).permutation(GRID.count)
    return order[np.argsort(GRID.classes(order)["instance"] % 2, kind="stable")]


def files(order: np.ndarray) -> dict[str, bytes]:
    found = {}
    for part, some in ((TRAINING, order[:EACH]), (TESTING, order[EACH:])):
        factors = np.stack([*GRID.classes(some).values()], axis=1).astype("<i4")
        factors[:, 3] *= 2
        found[f"{part}-dat.mat.gz"] = matrix(BYTES, IMAGES[some])
        found[f"{part}-cat.mat.gz"] = matrix(INTEGERS, factors[:, 0])
        found[f"{part}-info.mat.gz"] = matrix(INTEGERS, factors[:, 1:])
    return found


@pytest.fixture
def root(publish) -> Path:
    return publish(SmallNORB, GRID, files(rows()))


def test_it_conforms(root: Path) -> None:
    check_dataset(SmallNORB, root=root, options={"size": 24})


def test_read(root: Path, tmp_path: Path) -> None:
    norb = SmallNORB(root=root, size=96)
    data = cached(norb, folder=tmp_path)
    assert norb.rows.tolist() == rows().tolist()
    assert np.array_equal(data.arrays["image"][:, 0].numpy(), IMAGES[rows(), 0])
    for name, classes in GRID.classes(rows()).items():
        assert np.array_equal(data.arrays[name].numpy(), classes)
    assert data.split.tolist() == [TRAIN] * EACH + [TEST] * EACH
    assert {*data.arrays["instance"][data.rows("train")].tolist()} == {0, 2}


def test_images_are_read_in_any_order(root: Path) -> None:
    norb = SmallNORB(root=root, size=96)
    reader = norb.source().images
    wanted = [GRID.count - 1, 0, EACH, EACH - 1]
    assert np.array_equal(reader(wanted)[:, 0], IMAGES[rows()[wanted], 0])  # type: ignore[misc]


def test_a_toy_that_is_there_twice_is_told(publish) -> None:
    order = rows()
    order[1] = order[0]
    root = publish(SmallNORB, GRID, files(order))
    with pytest.raises(UserError, match="some toy is missing, or occurs twice, in some pose and light"):
        SmallNORB(root=root).source()


@pytest.mark.parametrize("name", ["cat", "info"])
def test_factors_of_another_version_are_refused_before_they_are_read(root: Path, name: str) -> None:
    (root / "smallnorb" / f"{TESTING}-{name}.mat.gz").write_bytes(b"another version")
    with pytest.raises(UserError, match=rf"{name}\.mat\.gz: not as published: its MD5 checksum is"):
        SmallNORB(root=root).source()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (matrix(INTEGERS, np.zeros(4, "<i4")), "another matrix; expected one of 5 numbers"),
        (matrix(BYTES, np.zeros(5, "<i4")), "another matrix"),
        (gzip.compress(b"short"), "can't be read"),
        (matrix(INTEGERS, np.zeros(5, "<i4"))[:-4], "can't be read"),
        (gzip.compress(gzip.decompress(matrix(INTEGERS, np.zeros(5, "<i4")))[:-4]), "can't be read"),
        (b"no gzip", "can't be read: Not a gzipped file"),
    ],
    ids=["shape", "type", "head", "end", "numbers", "format"],
)
def test_what_is_wrong_with_a_file_is_told(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.mat.gz").write_bytes(content)
    with pytest.raises(UserError, match=message):
        Matrix(tmp_path / "a.mat.gz", INTEGERS, (5,)).integers()


def test_the_published_files_have_this_grid() -> None:
    assert SmallNORB.GRID.sizes == {"category": 5, "instance": 10, "elevation": 9, "azimuth": 18, "lighting": 6}
    assert SmallNORB.GRID.factors["azimuth"].order == "ring"
