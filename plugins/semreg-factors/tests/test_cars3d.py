from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from semreg_factors.cars3d import Cars, Cars3D
from semreg_factors.grid import FactorGrid, steps

from semreg.core import UserError
from semreg.data.cache import cached
from semreg.testing import check_dataset

NAME = "nips2015-analogy-data.tar.gz"
GRID = FactorGrid({"elevation": steps(4), "azimuth": steps(24, "ring"), "car": steps(3, "none")})
CARS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3, 24, 4), dtype=np.uint8)


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def matrix(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    savemat(file, arrays)
    return file.getvalue()


def cars(numbers: tuple[int, ...] = (2, 0, 1)) -> dict[str, bytes]:
    """The files of cars, in no order, and others."""
    found = {f"data/cars/car_00{n}_mesh.mat": matrix(im=CARS[n], mask=CARS[n, :, :, 0]) for n in numbers}
    return {"data/cars/list.txt": b"car_000_mesh", "data/shapes48.mat": b"other", **found}


@pytest.fixture
def root(publish) -> Path:
    return publish(Cars3D, GRID, {NAME: archive(cars())})


def test_it_conforms(root: Path) -> None:
    check_dataset(Cars3D, root=root, options={"size": 4})


def test_read(root: Path, tmp_path: Path) -> None:
    data = cached(Cars3D(root=root, size=8, count=200), folder=tmp_path)
    factors = [data.arrays[name].numpy() for name in ("elevation", "azimuth", "car")]
    for image, elevation, azimuth, car in zip(data.arrays["image"].numpy(), *factors, strict=True):
        assert np.array_equal(image, CARS[car, :, :, :, azimuth, elevation].transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archive(cars((0, 1))), "found 2 files data/cars/NAME.mat; expected 3"),
        (archive({"data/cars/a.mat": b"no matrix"}), "data/cars/a.mat  can't be read"),
        (archive({"data/cars/a.mat": matrix(other=CARS[0])}), "data/cars/a.mat  can't be read: 'im'"),
        (archive({"data/cars/a.mat": matrix(im=CARS[0, :, :, 0])}), r"`im` is uint8 \(8, 8, 24, 4\); uint8 \(height"),
        (archive(cars())[:-100], "can't be read"),
        (b"no archive", "can't be read"),
    ],
    ids=["few", "no matrix", "other array", "shape", "cut short", "format"],
)
def test_what_is_wrong_is_told(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(UserError, match=message):
        Cars(tmp_path / NAME, 3, 8).open()


def test_the_published_cars_have_this_grid() -> None:
    assert Cars3D.GRID.sizes == {"elevation": 4, "azimuth": 24, "car": 183}
    assert Cars3D.GRID.factors["azimuth"].names[:3] == ("0", "15", "30")
